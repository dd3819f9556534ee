// The rooms of the person; whoever has none binds one here.
"use strict";
const client = require("../../api/client");
const { fenText, MICRO_PER_FEN } = require("../../lib/figures");
const { attempt, dress } = require("../../lib/page");
const session = require("../../lib/session");

Page({
  data: { t: {}, problem: "", busy: false, ready: false, rooms: [], bindCode: "", loginCode: "" },

  onShow() {
    dress(this, "title");
    return this.load();
  },

  load() {
    return attempt(this, async () => {
      const { accounts } = await client.listAccounts();
      const rooms = accounts.map((account) => ({
        id: account.account_id,
        label: account.label,
        balance: fenText(Math.trunc(account.balance_micro / MICRO_PER_FEN)),
      }));
      this.setData({ rooms, ready: true });
    });
  },

  onBindCode(event) {
    this.setData({ bindCode: event.detail.value });
  },

  onLoginCode(event) {
    this.setData({ loginCode: event.detail.value });
  },

  async bind() {
    const code = this.data.bindCode.trim();
    if (code && (await attempt(this, () => client.bind({ code })))) {
      this.setData({ bindCode: "" });
      await this.load();
    }
  },

  async enter() {
    const code = this.data.loginCode.trim();
    if (code && (await attempt(this, () => session.enterByCode(code)))) {
      this.setData({ loginCode: "" });
      await this.load();
    }
  },

  open(event) {
    const room = this.data.rooms[event.currentTarget.dataset.place];
    wx.navigateTo({ url: `/pages/account/account?id=${encodeURIComponent(room.id)}` });
  },

  openMessages() {
    wx.navigateTo({ url: "/pages/messages/messages" });
  },

  async speak() {
    const other = session.language() === "zh" ? "en" : "zh";
    await attempt(this, () => session.speak(other));
    dress(this, "title");
    await this.load();
  },

  async leave() {
    await attempt(this, () => session.leave());
    this.setData({ rooms: [], ready: false });
  },
});
