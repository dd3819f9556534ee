// Draws pages as WeChat's simulator of components does: its compiler for WXML, its data binding, its events, in a DOM.
"use strict";
const { createRequire } = require("node:module");
const path = require("node:path");

const NAMES = ["Event", "CustomEvent", "Node", "Element", "HTMLElement"];

function simulator(folder, root) {
  const load = createRequire(path.join(folder, "package.json"));
  const { window } = new (load("jsdom").JSDOM)("<!doctype html><body></body>", { pretendToBeVisual: true });
  Object.assign(global, { window, document: window.document });
  for (const name of NAMES) global[name] = window[name];
  const simulate = load("miniprogram-simulate");
  const exparser = load("miniprogram-exparser");
  let work = null;

  /** A page is a component whose handlers are its methods; what a handler promises is kept, to wait for it. */
  function asComponent({ data, ...rest }) {
    const methods = {};
    for (const [name, value] of Object.entries(rest)) {
      if (typeof value !== "function") continue;
      methods[name] = function kept(...given) {
        const done = value.apply(this, given);
        work = done;
        return done;
      };
    }
    global.Component({ data, methods });
  }

  function open(name) {
    const before = global.Page;
    global.Page = asComponent;
    delete require.cache[require.resolve(path.join(root, name))];
    const id = simulate.load(path.join(root, name), { compiler: "official", rootPath: root });
    global.Page = before;
    const drawn = simulate.render(id);
    document.body.replaceChildren();
    drawn.attach(document.body);
    return drawn;
  }

  function* nodes(drawn) {
    const waiting = [...drawn._exparserNode.shadowRoot.childNodes];
    while (waiting.length) {
      const node = waiting.shift();
      yield node;
      waiting.unshift(...(node.childNodes || []));
    }
  }

  function bound(node, handler) {
    return Object.values((node._vt && node._vt.event) || {}).find((event) => event.handler === handler);
  }

  /** Taps or types where a person would: on what the page shows, and nowhere else. */
  async function act(drawn, handler, detail, dataset) {
    const wish = Object.entries(dataset);
    const there = [...nodes(drawn)].find(
      (node) => bound(node, handler) && wish.every(([name, value]) => String(node.dataset[name]) === String(value)),
    );
    if (!there) throw new Error(`the page shows nothing for ${handler} ${JSON.stringify(dataset)}`);
    if (attribute(there, "disabled")) throw new Error(`${handler} is disabled`);
    work = null;
    const event = exparser.Event.create(bound(there, handler).name, detail, { bubbles: true, composed: true });
    exparser.Event.dispatchEvent(there, event);
    if (work === null) throw new Error(`nobody heard ${handler}`);
    await work;
  }

  function attribute(node, name) {
    const found = ((node._vt && node._vt.attrs) || []).find((each) => each.name === name);
    return found && found.value;
  }

  /** What stands on the page: texts, and what its fields hold. */
  function text(drawn) {
    const found = [];
    for (const node of nodes(drawn)) {
      const said = node instanceof exparser.TextNode ? node.textContent : attribute(node, "value");
      if (said !== undefined && String(said).trim()) found.push(String(said).trim());
    }
    return found.join(" ");
  }

  return { act, open, text };
}

module.exports = { simulator };
