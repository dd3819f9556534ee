// The data behind a message: what was heard, the neutral parts, and what each channel is sent.

import { el } from "./parts.js";

const LONG = 300;

// Pictures and files would fill the panel; what they are is seen in the chat.
function shortened(name, value) {
  return typeof value === "string" && value.length > LONG ? `${value.slice(0, LONG)}… (${value.length})` : value;
}

export class Inspector {
  constructor(words) {
    this.words = words;
    this.root = document.getElementById("inspector");
    this.tabs = el("div", "views");
    this.body = el("pre");
    this.body.tabIndex = 0;
    this.shut = el("button", "shut", "×");
    this.shut.type = "button";
    this.shut.addEventListener("click", () => this.close());
    const head = el("header");
    head.append(this.tabs, this.shut);
    this.root.append(head, this.body);
    document.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.close();
    });
  }

  open(message) {
    const views = message.inbound ? { inbound: message.inbound } : { own: message.parts.map(({ svg, ...part }) => part), ...message.looks };
    this.root.setAttribute("aria-label", this.words("inspector"));
    this.shut.setAttribute("aria-label", this.words("close"));
    this.tabs.replaceChildren(...Object.keys(views).map((name) => {
      const tab = el("button", "", this.words(`view_${name}`));
      tab.type = "button";
      tab.addEventListener("click", () => this.show(views[name], tab));
      return tab;
    }));
    this.show(Object.values(views)[0], this.tabs.firstElementChild);
    this.root.hidden = false;
    document.body.classList.add("inspecting");
  }

  show(value, tab) {
    for (const other of this.tabs.children) other.setAttribute("aria-pressed", String(other === tab));
    this.body.textContent = JSON.stringify(value, shortened, 2);
    this.body.scrollTo({ top: 0 });
  }

  close() {
    this.root.hidden = true;
    document.body.classList.remove("inspecting");
  }
}
