// One way for every request: who asks, in which language, and what a problem says.
"use strict";
const config = require("../config");

const TIMEOUT_MS = 40000; // The server holds a question about an order for 25 seconds.
let session = null;

/** What the server, or the network, refused. `detail` is for the person, `key` for the program. */
class Problem extends Error {
  constructor(status, key, detail) {
    super(detail);
    this.status = status;
    this.key = key;
    this.detail = detail;
  }
}

/** Gives the session, which knows the token and the language. */
function use(given) {
  session = given;
}

/** One request of the contract. Resolves with the answer, or rejects with a `Problem`. */
async function send(wish) {
  if (wish.open) return once(wish, "");
  const token = await session.token();
  try {
    return await once(wish, token);
  } catch (problem) {
    if (problem.status !== 401) throw problem;
    // The token has ended, or was ended: once more with a fresh one.
    return once(wish, await session.renew(token));
  }
}

function once(wish, token) {
  const how = wish.how || {};
  const header = { "Accept-Language": session.language() === "en" ? "en" : "zh-CN" };
  if (token) header.Authorization = `Bearer ${token}`;
  if (wish.body) header["Content-Type"] = "application/json";
  if (how.key) header["Idempotency-Key"] = how.key;
  return new Promise((resolve, reject) => {
    wx.request({
      url: config.BASE_URL + wish.path + asked(wish.query),
      method: wish.method,
      data: wish.body,
      header,
      timeout: TIMEOUT_MS,
      success: (answer) => {
        const found = answer.data || {};
        if (answer.statusCode < 400) resolve(found);
        else reject(new Problem(answer.statusCode, found.key || "", found.detail || String(answer.statusCode)));
      },
      fail: () => reject(new Problem(0, "offline", session.texts().offline)),
    });
  });
}

function asked(query) {
  const given = Object.entries(query || {}).filter(([, value]) => value !== undefined && value !== null);
  if (!given.length) return "";
  return `?${given.map(([name, value]) => `${name}=${encodeURIComponent(value)}`).join("&")}`;
}

/** A key for one wish: the same wish, sent again, is done once. */
function freshKey() {
  const part = () => Math.random().toString(36).slice(2, 10).padEnd(8, "0");
  return `mini-${Date.now().toString(36)}-${part()}${part()}`;
}

module.exports = { Problem, freshKey, send, use };
