// Shows the contract that this very server serves, and logs in: by a code from the chat, by the link that came with it,
// or, in a demonstration, by a stand-in for wx.login. Tokens live in this page alone.
"use strict";
(() => {
  const said = document.getElementById("said");
  const given = /^#login=([0-9A-Za-z]{8,16})$/.exec(location.hash);
  // The code is good once, so it has no business in the address bar, the history or a bookmark.
  if (given) history.replaceState(null, "", location.pathname);

  let granted = null;
  let shown = false;

  // Whoever comes first, the contract or the login: both are needed before a call may be tried.
  function authorize() {
    if (shown && granted) ui.preauthorizeApiKey("access", granted);
  }

  async function ask(path, body, token) {
    const headers = { "Accept-Language": navigator.language };
    if (body) headers["Content-Type"] = "application/json";
    if (token) headers.Authorization = `Bearer ${token}`;
    const answer = await fetch(path, { method: body ? "POST" : "GET", headers, body: body && JSON.stringify(body) });
    const found = await answer.json();
    if (!answer.ok) throw new Error(found.detail || String(answer.status));
    return found;
  }

  async function enter(path, body) {
    try {
      const tokens = await ask(path, body);
      granted = tokens.access_token;
      authorize();
      const me = await ask("/api/v1/me", null, tokens.access_token);
      const rooms = me.accounts.map((account) => `${account.label} (${account.account_id})`).join(", ");
      said.textContent = `Logged in: ${rooms || me.roles.join(", ") || me.person_id}. Everything below may be tried for ten minutes.`;
    } catch (trouble) {
      said.textContent = trouble.message;
    }
  }

  async function byPhone(stand, person) {
    try {
      const { code } = await ask(stand, { person });
      await enter("/api/v1/login/wechat", { code });
    } catch (trouble) {
      said.textContent = trouble.message;
    }
  }

  document.getElementById("code-form").addEventListener("submit", (event) => {
    event.preventDefault();
    enter("/api/v1/login/code", { code: document.getElementById("code").value.trim() });
  });
  const phones = JSON.parse(document.getElementById("login").dataset.phones);
  for (const [person, label] of Object.entries(phones.people || {})) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = `wx.login as ${label}`;
    button.addEventListener("click", () => byPhone(phones.path, person));
    document.getElementById("login").append(button);
  }

  // Read as a whole the contract would hold the page for many seconds, so one chapter of it is read at a time.
  function chapter(contract, tag) {
    const paths = {};
    for (const [path, item] of Object.entries(contract.paths)) {
      const kept = Object.entries(item).filter(([, operation]) => operation.tags.includes(tag));
      if (kept.length) paths[path] = Object.fromEntries(kept);
    }
    const components = { securitySchemes: contract.components.securitySchemes };
    const take = (node) => {
      if (node === null || typeof node !== "object") return;
      const found = /^#\/components\/(\w+)\/(.+)$/.exec(node.$ref || "");
      if (found && !components[found[1]]?.[found[2]]) {
        (components[found[1]] ??= {})[found[2]] = contract.components[found[1]][found[2]];
        take(components[found[1]][found[2]]);
      }
      for (const child of Object.values(node)) take(child);
    };
    take(paths);
    return { ...contract, paths, components, tags: contract.tags.filter(({ name }) => name === tag) };
  }

  function show(contract, tag, button) {
    document.querySelector("#chapters [aria-current]")?.removeAttribute("aria-current");
    button.setAttribute("aria-current", "true");
    shown = false;
    ui = window.SwaggerUIBundle({
      spec: chapter(contract, tag),
      dom_id: "#guide",
      validatorUrl: null,
      defaultModelsExpandDepth: 0,
      onComplete: () => {
        shown = true;
        authorize();
      },
    });
  }

  async function read() {
    const contract = await ask("/api/v1/openapi.json");
    const chapters = document.getElementById("chapters");
    for (const { name, description } of contract.tags) {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = name;
      button.title = description;
      button.addEventListener("click", () => show(contract, name, button));
      chapters.append(button);
    }
    chapters.firstElementChild.click();
  }

  let ui = null;
  const entered = given ? enter("/api/v1/login/code", { code: given[1] }) : Promise.resolve();
  entered.then(read).catch((trouble) => {
    said.textContent = trouble.message;
  });
})();
