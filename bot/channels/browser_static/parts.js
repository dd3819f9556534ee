// Draws channel-neutral parts. Text always goes in as text, never as markup.

export function el(tag, className, text) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = text;
  return node;
}

function svg(tag, attributes) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  return node;
}

function button(spec, on) {
  const node = el("button", `press ${spec.look || "plain"}`, spec.label);
  node.type = "button";
  node.dataset.action = spec.action;
  node.addEventListener("click", () => {
    for (const other of node.parentElement.children) other.classList.toggle("chosen", other === node);
    on.press(spec.action, spec.label);
  });
  return node;
}

function text(part) {
  const node = el("p", `text ${part.tone || "plain"}`);
  if (!/^https?:\/\/\S+$/.test(part.body)) node.textContent = part.body;
  else node.append(link(part.body));
  return node;
}

export function link(address) {
  const node = el("a", "", address);
  node.href = address;
  node.target = "_blank";
  node.rel = "noopener noreferrer";
  return node;
}

function door(part) {
  const node = el("p", "text", `${part.label} `);
  node.append(link(part.url));
  return node;
}

function table(part) {
  const node = el("section", `table ${part.tone || "plain"}`);
  node.append(el("h3", "", part.title));
  const list = el("dl");
  for (const row of part.rows) list.append(el("dt", "", row.label), el("dd", "", row.value));
  node.append(list);
  if (part.note) node.append(el("p", "note", part.note));
  return node;
}

function chart(part) {
  const node = el("section", "chart");
  node.append(el("h3", "", part.title));
  const wide = 320, high = 110, top = Math.max(1, ...part.points.map((point) => point.value));
  const drawing = svg("svg", { viewBox: `0 0 ${wide} ${high + 18}`, role: "img", "aria-label": `${part.title}. ${part.summary}` });
  const step = wide / Math.max(1, part.points.length), bar = Math.min(34, step * 0.68);
  for (const at of [0.5, 1]) drawing.append(svg("line", { x1: 0, x2: wide, y1: high - at * (high - 14), y2: high - at * (high - 14), class: "grid" }));
  part.points.forEach((point, i) => {
    const tall = point.value > 0 ? Math.max(2, (point.value / top) * (high - 14)) : 1;
    const rect = svg("rect", { x: i * step + (step - bar) / 2, y: high - tall, width: bar, height: tall, rx: Math.min(4, bar / 3), class: point.value === top ? "bar high" : "bar" });
    const title = svg("title", {});
    title.textContent = `${point.label}  ${point.text} kWh`;
    rect.append(title);
    drawing.append(rect);
    const every = Math.ceil(part.points.length / 8);
    if (i % every === 0) {
      const label = svg("text", { x: i * step + step / 2, y: high + 13, class: "axis" });
      label.textContent = point.label;
      drawing.append(label);
    }
    if (point.value === top || part.points.length <= 8) {
      const figure = svg("text", { x: Math.min(wide - 12, Math.max(12, i * step + step / 2)), y: high - tall - 4, class: "figure" });
      figure.textContent = point.text;
      drawing.append(figure);
    }
  });
  node.append(drawing);
  if (part.summary) node.append(el("p", "note", part.summary));
  return node;
}

function buttons(part, on) {
  const node = el("section", "ask");
  if (part.prompt) node.append(el("p", "text", part.prompt));
  const row = el("div", "row");
  row.append(...part.buttons.map((spec) => button(spec, on)));
  node.append(row);
  return node;
}

function payQr(part, on) {
  const node = el("section", "pay");
  node.append(el("p", "caption", part.caption), el("p", "amount", part.amount));
  const image = el("img", "qr");
  image.src = part.svg;
  image.alt = part.uri;
  node.append(image);
  if (part.note) node.append(el("p", "note", part.note));
  if (on.pay) node.append(payPress(part, on));
  return node;
}

export function payPress(part, on) {
  const press = el("button", "press primary wide", on.words("pay_sandbox"));
  press.type = "button";
  press.dataset.pay = part.uri;
  press.addEventListener("click", () => on.pay(part.uri, press));
  return press;
}

const MARKS = { done: "✓", doing: "", todo: "", stuck: "!" };

function thread(part) {
  const node = el("section", "thread");
  node.dataset.stage = part.stage;
  node.append(el("h3", "", part.title));
  const list = el("ol");
  for (const line of part.lines) {
    const item = el("li", line.state);
    item.append(el("i", "mark", MARKS[line.state]), el("span", "", line.text));
    if (line.clock) item.append(el("time", "", line.clock));
    list.append(item);
  }
  node.append(list);
  if (part.note) node.append(el("p", "note", part.note));
  return node;
}

function list(part, on) {
  const node = el("section", "list");
  node.append(el("h3", "", part.title));
  const rows = el("ul");
  for (const item of part.items) {
    const row = el(item.action ? "button" : "li", "item");
    row.append(el("span", "label", item.label));
    if (item.value) row.append(el("b", item.value.startsWith("-") ? "minus" : "", item.value));
    if (item.detail) row.append(el("small", "", item.detail));
    if (item.action) {
      row.type = "button";
      row.addEventListener("click", () => on.press(item.action, item.label));
      const cell = el("li");
      cell.append(row);
      rows.append(cell);
    } else rows.append(row);
  }
  node.append(rows);
  if (part.note) node.append(el("p", "note", part.note));
  if (part.more.length) {
    const row = el("div", "row");
    row.append(...part.more.map((spec) => button(spec, on)));
    node.append(row);
  }
  return node;
}

function file(part) {
  if (part.media_type === "image/jpeg" || part.media_type === "image/png") return picture(part);
  const node = el("a", "file", part.caption ? `${part.caption} · ${part.name}` : part.name);
  node.download = part.name;
  node.href = `data:${part.media_type};base64,${part.data}`;
  return node;
}

function picture(part) {
  const node = el("figure", "picture");
  const image = el("img");
  image.src = `data:${part.media_type};base64,${part.data}`;
  image.alt = part.caption || part.name;
  node.append(image);
  if (part.caption) node.append(el("figcaption", "", part.caption));
  return node;
}

const DRAW = { text, table, chart, file, link: door, buttons, pay_qr: payQr, thread, list };

export function draw(part, on) {
  return (DRAW[part.kind] || text)(part, on);
}
