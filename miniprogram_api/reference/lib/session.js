// Who is logged in, and the language. Tokens are kept by WeChat on this phone; a refresh token is good for one use, so
// whoever needs a fresh one while another is under way waits for that one.
"use strict";
const client = require("../api/client");
const { words } = require("./texts");

const TOKENS = "tokens";
const LANGUAGE = "language";
let underWay = null;

/** The access token; logs in by `wx.login` if there is none. */
async function token() {
  const held = wx.getStorageSync(TOKENS);
  return held ? held.access_token : entered(logIn);
}

/** Another token than the one that was refused. */
async function renew(refused) {
  const held = wx.getStorageSync(TOKENS);
  if (held && held.access_token !== refused) return held.access_token;
  return entered(() => refreshed(held));
}

/** Logs in as the person of a chat, by the code that the bot gave. */
function enterByCode(code) {
  return entered(() => client.logInByCode({ code }));
}

/** Ends this login. */
async function leave() {
  try {
    await client.logOut();
  } finally {
    wx.removeStorageSync(TOKENS);
  }
}

function entered(way) {
  if (!underWay) {
    underWay = way()
      .then((tokens) => {
        wx.setStorageSync(TOKENS, tokens);
        return tokens.access_token;
      })
      .finally(() => {
        underWay = null;
      });
  }
  return underWay;
}

async function refreshed(held) {
  try {
    return await client.refreshTokens({ refresh_token: held.refresh_token });
  } catch (problem) {
    if (problem.status !== 401) throw problem;
    wx.removeStorageSync(TOKENS);
    return logIn();
  }
}

function logIn() {
  return new Promise((resolve, reject) => {
    wx.login({ success: ({ code }) => client.logInByWeChat({ code }).then(resolve, reject), fail: reject });
  });
}

/** "zh" or "en": chosen, or what the phone speaks. */
function language() {
  const chosen = wx.getStorageSync(LANGUAGE);
  if (chosen) return chosen;
  const phone = wx.getAppBaseInfo().language || "";
  return phone.startsWith("zh") ? "zh" : "en";
}

/** Speaks this language from now on, here and in messages. */
async function speak(chosen) {
  wx.setStorageSync(LANGUAGE, chosen);
  await client.setLanguage({ language: chosen });
}

/** The texts of the language. */
function texts() {
  return words(language());
}

module.exports = { enterByCode, language, leave, renew, speak, texts, token };
