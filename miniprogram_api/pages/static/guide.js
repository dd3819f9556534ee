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

  const ui = window.SwaggerUIBundle({
    url: "/api/v1/openapi.json",
    dom_id: "#guide",
    deepLinking: true,
    validatorUrl: null,
    onComplete: () => {
      shown = true;
      authorize();
    },
  });
  if (given) enter("/api/v1/login/code", { code: given[1] });
})();
