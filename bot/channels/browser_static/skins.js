// Shows what a channel's own renderer made of a message. Telegram's markup goes in by a list of allowed tags, never as it is.

import { el, link, payPress } from "./parts.js";

const ADDRESS = /(https?:\/\/[^\s<>"]+)/;
const MARKUP = new Set(["B", "I", "CODE", "PRE"]);

// Both programs make links of addresses.
function linked(text, into) {
  text.split(ADDRESS).forEach((piece, i) => into.append(i % 2 ? link(piece) : piece));
  return into;
}

function copied(from, into) {
  for (const node of from.childNodes) {
    if (node.nodeType === Node.TEXT_NODE) linked(node.data, into);
    else if (MARKUP.has(node.nodeName)) {
      const inner = el(node.nodeName.toLowerCase());
      copied(node, inner);
      into.append(inner);
    } else copied(node, into);
  }
  return into;
}

function bubble(look) {
  if (look.html !== undefined) return copied(new DOMParser().parseFromString(look.html, "text/html").body, el("div", "bubble"));
  if (look.text !== undefined) return linked(look.text, el("div", "bubble"));
  const node = el("div", "bubble media");
  if (look.photo) {
    const image = el("img");
    image.src = look.photo;
    image.alt = look.caption || "";
    node.append(image);
  } else {
    const link = el("a", "document", look.document);
    link.href = look.href;
    link.download = look.document;
    node.append(link);
  }
  if (look.caption) node.append(el("p", "", look.caption));
  return node;
}

function keyboard(rows, on) {
  const node = el("div", "keyboard");
  for (const row of rows) {
    const line = el("div", "keys");
    for (const key of row) {
      const press = el("button", "key", key.text);
      press.type = "button";
      press.addEventListener("click", () => (key.url ? window.open(key.url, "_blank", "noopener") : on.press(key.callback_data, key.text)));
      line.append(press);
    }
    node.append(line);
  }
  return node;
}

export function drawLook(message, skin, on) {
  const nodes = [];
  const looks = message.looks ? message.looks[skin] : message.parts.map((part) => ({ text: part.body }));
  for (const look of looks) {
    nodes.push(bubble(look));
    if (look.keyboard && look.keyboard.length) nodes.push(keyboard(look.keyboard, on));
  }
  for (const part of message.parts) if (part.kind === "pay_qr" && on.pay) nodes.push(payPress(part, on));
  return nodes;
}
