// What every page does alike: its words, its title, and trouble in plain words instead of a page that stands still.
"use strict";
const session = require("./session");

/** Gives the page its words, and its title by the key of a text. */
function dress(page, title) {
  const t = session.texts();
  page.setData({ t, problem: "" });
  wx.setNavigationBarTitle({ title: t[title] });
}

/** Does some work; trouble is shown. Resolves with whether it went well. */
async function attempt(page, work) {
  page.setData({ busy: true, problem: "" });
  try {
    await work();
    return true;
  } catch (problem) {
    page.setData({ problem: problem.detail || session.texts().offline });
    return false;
  } finally {
    page.setData({ busy: false });
  }
}

module.exports = { attempt, dress };
