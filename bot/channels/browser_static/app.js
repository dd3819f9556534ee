// The chat page: one column and one socket for each virtual user. Everything a person reads comes from the server.

import { Inspector } from "./inspector.js";
import { draw, el } from "./parts.js";
import { controlScene, paint, windowScene } from "./scene.js";
import { drawLook } from "./skins.js";

const FIRST_RETRY_MS = 400;
const LAST_RETRY_MS = 8000;
const QUICK = { tenant: ["balance", "recharge", "usage", "history"], staff: ["overview", "help"] };

const config = await (await fetch("/chat/config")).json();
const columns = new Map();
const inspector = new Inspector((key) => [...columns.values()][0].words(key));
const asked = new URLSearchParams(location.search).get("skin");
let skin = config.skins.includes(asked) ? asked : config.skins[0];

class Column {
  constructor(user, index) {
    this.user = user;
    this.language = user.language;
    this.status = null;
    this.retryMs = FIRST_RETRY_MS;
    this.messages = new Map();
    this.build(index);
    this.translate();
    this.connect();
  }

  words(key) {
    return config.words[this.language][key].replace("{label}", this.user.label);
  }

  build(index) {
    this.root = el("section", "column");
    this.root.id = `column-${this.user.id}`;
    this.tab = el("button", "tab");
    this.tab.type = "button";
    this.tab.role = "tab";
    this.tab.append(el("i", "lamp"), el("span", "", this.user.label));
    this.tab.addEventListener("click", () => choose(this.user.id));
    const header = el("header", "head");
    const art = el("div", "art");
    const tenants = config.users.filter((user) => !user.staff);
    art.innerHTML = this.user.staff ? controlScene(`s${index}`, tenants) : windowScene(`s${index}`);
    const over = el("div", "over");
    this.name = el("h2", "", this.user.label);
    this.dot = el("i", "dot");
    this.figure = el("p", "figure-big");
    this.pill = el("span", "pill");
    this.speak = el("button", "speak");
    this.speak.type = "button";
    this.speak.addEventListener("click", () => this.send({ press: `language:${this.language === "zh" ? "en" : "zh"}`, label: this.words("language") }));
    const title = el("div", "title");
    title.append(this.dot, this.name);
    const under = el("div", "under");
    under.append(this.pill, this.speak);
    over.append(title, this.figure, under);
    this.acts = el("div", "acts");
    header.append(art, over);
    this.log = el("div", "log");
    this.log.setAttribute("role", "log");
    this.log.setAttribute("aria-live", "polite");
    // A picture that arrives late makes a message taller: whoever was at the end stays there.
    this.log.addEventListener("load", () => {
      if (this.log.scrollHeight - this.log.scrollTop - this.log.clientHeight < 420) this.log.scrollTo({ top: this.log.scrollHeight });
    }, true);
    this.quick = el("div", "quick");
    this.form = el("form", "compose");
    this.input = el("input");
    this.input.maxLength = 400;
    this.input.autocomplete = "off";
    this.sendButton = el("button", "send");
    this.sendButton.type = "submit";
    this.file = el("input");
    this.file.type = "file";
    this.file.hidden = true;
    this.file.addEventListener("change", () => this.sendFile(this.file.files[0]));
    this.clip = el("button", "clip", "+");
    this.clip.type = "button";
    this.clip.addEventListener("click", () => this.file.click());
    this.form.append(this.clip, this.file, this.input, this.sendButton);
    this.form.addEventListener("submit", (event) => this.submit(event));
    this.root.append(header, this.acts, this.log, this.quick, this.form);
    document.getElementById("columns").append(this.root);
    document.getElementById("tabs").append(this.tab);
  }

  translate() {
    this.root.lang = this.language;
    this.input.placeholder = this.words(this.user.staff ? "say_staff" : "say");
    this.input.setAttribute("aria-label", this.words("say"));
    this.sendButton.textContent = this.words("send");
    this.clip.title = this.words("send_file");
    this.clip.setAttribute("aria-label", this.words("send_file"));
    this.speak.textContent = this.words("language");
    this.log.setAttribute("aria-label", this.words("messages"));
    this.quick.replaceChildren(...QUICK[this.user.staff ? "staff" : "tenant"].map((name) => {
      const chip = el("button", "", this.words(`intent.${name}`));
      chip.type = "button";
      chip.addEventListener("click", () => this.send({ press: name, label: chip.textContent }));
      return chip;
    }));
    this.acts.replaceChildren(...config.acts.filter((act) => act.staff === this.user.staff).map((act) => {
      const press = el("button");
      press.type = "button";
      press.dataset.act = act.name;
      press.addEventListener("click", () => this.send({ act: act.name }));
      return press;
    }));
    this.state(this.connection || "connecting");
    this.light();
  }

  done() {
    for (const press of this.acts.children) {
      const on = Boolean(this.status && this.status.acts && this.status.acts[press.dataset.act]);
      press.setAttribute("aria-pressed", String(on));
      press.textContent = this.words(`act_${press.dataset.act}${on ? "_off" : ""}`);
    }
  }

  connect() {
    this.state("connecting");
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    this.socket = new WebSocket(`${scheme}://${location.host}/chat/ws?user=${encodeURIComponent(this.user.id)}`);
    this.socket.addEventListener("message", (event) => this.receive(JSON.parse(event.data)));
    this.socket.addEventListener("close", () => {
      this.state("offline");
      // Spread over time, so that a restarted server is not met by everybody at once.
      setTimeout(() => this.connect(), this.retryMs * (0.7 + Math.random() * 0.6));
      this.retryMs = Math.min(LAST_RETRY_MS, this.retryMs * 2);
    });
  }

  state(name) {
    this.connection = name;
    this.dot.className = `dot ${name}`;
    this.dot.title = this.words(name);
  }

  receive(data) {
    const act = { hello: () => this.hello(data), message: () => this.show(data.message), edit: () => this.show(data.message), status: () => this.lamp(data.status), language: () => this.switchTo(data.language), paid: () => this.paid(data), too_fast: () => this.hint("too_fast") };
    if (act[data.type]) act[data.type]();
  }

  hello(data) {
    this.retryMs = FIRST_RETRY_MS;
    this.state("connected");
    this.messages.clear();
    this.log.replaceChildren();
    this.switchTo(data.language);
    for (const message of data.history) this.show(message);
    if (!data.history.length) this.log.append(this.empty());
  }

  empty() {
    const box = el("div", "empty");
    box.append(el("p", "", this.words("welcome_hint")));
    for (const name of QUICK[this.user.staff ? "staff" : "tenant"]) {
      const chip = el("button", "press plain", this.words(`intent.${name}`));
      chip.addEventListener("click", () => this.send({ press: name, label: chip.textContent }));
      box.append(chip);
    }
    return box;
  }

  switchTo(language) {
    if (language === this.language) return;
    this.language = language;
    this.translate();
    headings();
  }

  show(message) {
    this.log.querySelector(".empty")?.remove();
    const old = this.messages.get(message.ref)?.node;
    const atEnd = this.log.scrollHeight - this.log.scrollTop - this.log.clientHeight < 160;
    const node = this.article(message);
    if (old) {
      old.replaceWith(node);
      node.classList.add("changed");
    } else this.log.append(node);
    this.messages.set(message.ref, { node, message });
    if (atEnd || message.from === "me" || !old) requestAnimationFrame(() => this.log.scrollTo({ top: this.log.scrollHeight }));
  }

  article(message) {
    const node = el("article", `message ${message.from}`);
    const on = { press: (action, label) => this.send({ press: action, label }), words: (key) => this.words(key), pay: this.payer() };
    const body = el("div", "body");
    body.append(...(skin === config.skins[0] ? message.parts.map((part) => draw(part, on)) : drawLook(message, skin, on)));
    const stamp = el("div", "stamp");
    const look = el("button", "", "{}");
    look.type = "button";
    look.title = this.words("inspect");
    look.setAttribute("aria-label", this.words("inspect"));
    look.addEventListener("click", () => inspector.open(message));
    stamp.append(el("time", "", new Date(message.at).toLocaleTimeString(this.language, { hour: "2-digit", minute: "2-digit", hour12: false })), look);
    node.append(body, stamp);
    return node;
  }

  redraw() {
    for (const shown of this.messages.values()) {
      const node = this.article(shown.message);
      shown.node.replaceWith(node);
      shown.node = node;
    }
    this.log.scrollTo({ top: this.log.scrollHeight });
  }

  payer() {
    if (config.pay.means === "press") return (uri, press) => {
      press.disabled = true;
      press.textContent = this.words("paying");
      this.send({ pay: uri });
    };
    if (config.pay.means === "open") return (uri) => window.open(config.pay.url.replace("{uri}", encodeURIComponent(uri)), "_blank", "noopener");
    return null;
  }

  paid(data) {
    if (data.worked) return;
    for (const press of this.log.querySelectorAll("button[data-pay]")) {
      if (press.dataset.pay !== data.uri) continue;
      press.disabled = false;
      press.textContent = this.words("pay_sandbox");
    }
    this.hint("pay_failed");
  }

  hint(key) {
    const node = el("p", "hint", this.words(key));
    this.log.append(node);
    this.log.scrollTo({ top: this.log.scrollHeight });
    setTimeout(() => node.remove(), 6000);
  }

  submit(event) {
    event.preventDefault();
    const say = this.input.value.trim();
    if (say && this.send({ say, skin })) this.input.value = "";
  }

  async sendFile(file) {
    this.file.value = "";
    if (!file) return;
    const query = new URLSearchParams({ user: this.user.id, name: file.name });
    try {
      const answer = await fetch(`/chat/file?${query}`, { method: "POST", body: file });
      if (!answer.ok) this.hint("file_failed");
    } catch {
      this.hint("file_failed");
    }
  }

  send(data) {
    if (this.socket.readyState !== WebSocket.OPEN) {
      this.hint("offline_hint");
      return false;
    }
    this.socket.send(JSON.stringify(data));
    return true;
  }

  lamp(status) {
    this.status = status;
    this.light();
    for (const column of columns.values()) if (column.user.staff) column.light();
  }

  light() {
    this.done();
    if (this.user.staff) {
      this.control();
      return;
    }
    const on = this.status ? this.status.on : null;
    const key = on === true ? "power_on" : on === false ? "power_off" : "power_unknown";
    paint(this.root, on);
    paint(this.tab, on);
    this.pill.textContent = this.words(key);
    const micro = this.status ? this.status.balance_micro : null;
    this.figure.textContent = micro === null || micro === undefined ? "" : yuan(micro);
    this.figure.classList.toggle("minus", micro !== null && micro <= 0);
  }

  control() {
    const tenants = [...columns.values()].filter((column) => !column.user.staff);
    for (const tenant of tenants) {
      const cell = this.root.querySelector(`[data-tenant="${CSS.escape(tenant.user.id)}"]`);
      if (cell) paint(cell, tenant.status ? tenant.status.on : null);
    }
    const lit = tenants.filter((column) => column.status && column.status.on).length;
    this.figure.textContent = tenants.length ? `${lit}/${tenants.length}` : "";
    this.pill.textContent = this.words("power_on");
    paint(this.tab, lit > 0 ? true : null);
    this.root.dataset.power = "staff";
  }
}

function yuan(micro) {
  const fen = Math.floor(micro / 10000), whole = Math.abs(fen);
  return `${fen < 0 ? "-" : ""}¥${Math.floor(whole / 100).toLocaleString("en")}.${String(whole % 100).padStart(2, "0")}`;
}

function choose(id) {
  for (const column of columns.values()) {
    const chosen = column.user.id === id;
    column.root.classList.toggle("chosen", chosen);
    column.tab.classList.toggle("chosen", chosen);
    column.tab.setAttribute("aria-selected", String(chosen));
    if (chosen) column.log.scrollTo({ top: column.log.scrollHeight });
  }
}

function wear(name) {
  skin = name;
  document.body.dataset.skin = name;
  for (const press of document.getElementById("skins").children) press.setAttribute("aria-pressed", String(press.dataset.name === name));
  const address = new URL(location.href);
  if (name === config.skins[0]) address.searchParams.delete("skin");
  else address.searchParams.set("skin", name);
  history.replaceState(null, "", address);
  for (const column of columns.values()) column.redraw();
}

function wardrobe(words) {
  const box = document.getElementById("skins");
  box.setAttribute("aria-label", words("skins"));
  box.replaceChildren(...config.skins.map((name) => {
    const press = el("button", "", words(`view_${name}`));
    press.type = "button";
    press.dataset.name = name;
    press.setAttribute("aria-pressed", String(name === skin));
    press.addEventListener("click", () => wear(name));
    return press;
  }));
}

function headings() {
  const first = [...columns.values()][0];
  if (!first) return;
  document.documentElement.lang = first.language;
  document.title = first.words("title");
  document.getElementById("sandbox").textContent = first.words("sandbox");
  wardrobe((key) => first.words(key));
  document.getElementById("tabs").setAttribute("aria-label", first.words("tabs"));
}

config.users.forEach((user, index) => columns.set(user.id, new Column(user, index)));
headings();
wear(skin);
if (config.users.length) choose(config.users[0].id);
