// Asks whether the person wants to be told, and reports each yes: WeChat sends one message for each.
"use strict";
const client = require("../api/client");
const { freshKey } = require("./request");

const MOST = 3;

/** Fetches what may be asked for, so that a tap can be answered at once. A page works without it too. */
async function prepare(page) {
  try {
    const { subscriptions } = await client.getSubscriptions();
    page.templates = subscriptions.map((each) => each.template_id).slice(0, MOST);
    return subscriptions.reduce((sum, each) => sum + each.left, 0);
  } catch (problem) {
    page.templates = [];
    return 0;
  }
}

/** Asks within a tap, and reports the answers. Resolves with how many messages may still come, or null. */
function ask(page) {
  const tmplIds = page.templates || [];
  if (!tmplIds.length) return Promise.resolve(null);
  return new Promise((resolve) => {
    wx.requestSubscribeMessage({
      tmplIds,
      success: (found) => report(tmplIds, found).then(resolve, () => resolve(null)),
      fail: () => resolve(null),
    });
  });
}

async function report(tmplIds, found) {
  const answers = {};
  tmplIds.filter((id) => found[id]).forEach((id) => {
    answers[id] = found[id];
  });
  const { subscriptions } = await client.reportSubscriptions({ answers }, { key: freshKey() });
  return subscriptions.reduce((sum, each) => sum + each.left, 0);
}

module.exports = { ask, prepare };
