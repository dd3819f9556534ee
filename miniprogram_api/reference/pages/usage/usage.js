// Use of one utility by hours, days or months, as bars and in figures.
"use strict";
const client = require("../../api/client");
const chart = require("../../lib/chart");
const { clock, kwh, yuan } = require("../../lib/figures");
const { attempt, dress } = require("../../lib/page");

const COUNTS = { hour: 24, day: 30, month: 12 };

Page({
  data: {
    t: {},
    problem: "",
    busy: false,
    id: "",
    step: "hour",
    choices: [],
    utility: "",
    utilities: [],
    unit: "",
    total: "",
    cost: "",
    empty: false,
  },

  onLoad(options) {
    this.setData({ id: decodeURIComponent(options.id) });
    dress(this, "usage");
    this.setData({ choices: Object.keys(COUNTS).map((name) => ({ name, label: this.data.t[name] })) });
  },

  onReady() {
    return this.load();
  },

  choose(event) {
    this.setData({ step: event.currentTarget.dataset.step });
    return this.load();
  },

  turn(event) {
    this.setData({ utility: event.currentTarget.dataset.utility });
    return this.load();
  },

  load() {
    const { id, step, utility, t } = this.data;
    return attempt(this, async () => {
      const names = { account_id: id, step, count: COUNTS[step] };
      const found = await client.getUsage(utility ? { ...names, utility } : names);
      this.setData({
        utility: found.utility,
        utilities: found.utilities.map((name) => ({ name, label: t[name] })),
        unit: found.utility === "water" ? t.m3 : t.kwh,
        total: kwh(found.total_wh),
        cost: yuan(found.total_micro),
        empty: !found.steps.length,
      });
      if (found.steps.length) this.draw(found.steps);
    });
  },

  draw(steps) {
    wx.createSelectorQuery()
      .select("#chart")
      .fields({ node: true, size: true })
      .exec(([found]) => {
        if (!found || !found.node) return;
        const { node, width, height } = found;
        const ratio = wx.getWindowInfo().pixelRatio;
        node.width = width * ratio;
        node.height = height * ratio;
        const context = node.getContext("2d");
        context.scale(ratio, ratio);
        const from = this.data.step === "hour" ? 6 : 0;
        chart.draw(context, steps, width, height, (start) => clock(start).slice(from, from + 5));
      });
  },
});
