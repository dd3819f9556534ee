// One room: what is left, what it buys, whether the power is on, and the way to everything else.
"use strict";
const client = require("../../api/client");
const { yuan } = require("../../lib/figures");
const { attempt, dress } = require("../../lib/page");

const PAGES = ["recharge", "usage", "orders", "bills", "alerts"];

Page({
  data: { t: {}, problem: "", busy: false, id: "", room: null, pages: [] },

  onLoad(options) {
    this.setData({ id: decodeURIComponent(options.id) });
  },

  onShow() {
    dress(this, "balance");
    this.setData({ pages: PAGES.map((name) => ({ name, label: this.data.t[name] })) });
    return this.load();
  },

  load() {
    return attempt(this, async () => {
      const found = await client.getBalance({ account_id: this.data.id });
      const { t } = this.data;
      const supplies = found.supplies.map((supply) => ({
        id: supply.meter_id,
        mood: supply.on === null ? "" : supply.on ? "on" : "off",
        said: supply.silent ? t.silent : supply.on === null ? t.unknown : supply.on ? t.on : t.off,
        reason: supply.reason,
      }));
      this.setData({
        room: {
          label: found.label,
          balance: yuan(found.balance_micro),
          price: yuan(found.price_micro_per_kwh),
          low: found.low,
          hours: found.hours_left === null ? "" : String(found.hours_left),
          supplies,
        },
      });
    });
  },

  onPullDownRefresh() {
    return this.load().then(() => wx.stopPullDownRefresh());
  },

  open(event) {
    const page = event.currentTarget.dataset.page;
    wx.navigateTo({ url: `/pages/${page}/${page}?id=${encodeURIComponent(this.data.id)}` });
  },
});
