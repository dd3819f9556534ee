// From when on the person is told, at which hours not, and how many messages WeChat may still bring.
"use strict";
const client = require("../../api/client");
const { fenText, MICRO_PER_FEN, readFen } = require("../../lib/figures");
const { attempt, dress } = require("../../lib/page");
const subscriptions = require("../../lib/subscriptions");

Page({
  data: {
    t: {},
    problem: "",
    busy: false,
    id: "",
    amounts: "",
    days: "",
    quietFrom: "",
    quietUntil: "",
    left: 0,
    canAsk: false,
    saved: false,
  },

  onLoad(options) {
    this.setData({ id: decodeURIComponent(options.id) });
    dress(this, "alerts");
    return attempt(this, async () => {
      this.channels = [];
      this.show(await client.getAlerts({ account_id: this.data.id }));
      const { channels, quiet } = await client.getPreferences();
      this.channels = channels;
      if (quiet) this.setData({ quietFrom: hour(quiet.since_min), quietUntil: hour(quiet.until_min) });
      const left = await subscriptions.prepare(this);
      this.setData({ left, canAsk: this.templates.length > 0 });
    });
  },

  show(alerts) {
    this.setData({
      amounts: alerts.levels_micro.map((level) => fenText(Math.trunc(level / MICRO_PER_FEN))).join(" "),
      days: alerts.days_left.join(" "),
    });
  },

  onAmounts(event) {
    this.setData({ amounts: event.detail.value, saved: false });
  },

  onDays(event) {
    this.setData({ days: event.detail.value, saved: false });
  },

  onQuietFrom(event) {
    this.setData({ quietFrom: event.detail.value, saved: false });
  },

  onQuietUntil(event) {
    this.setData({ quietUntil: event.detail.value, saved: false });
  },

  clearQuiet() {
    this.setData({ quietFrom: "", quietUntil: "", saved: false });
  },

  async save() {
    const amounts = words(this.data.amounts).map(readFen);
    const days = words(this.data.days).map(Number);
    if (amounts.includes(null) || days.some((day) => !Number.isInteger(day))) {
      this.setData({ problem: this.data.t.bad_amount });
      return;
    }
    const levels = { low_balance_micro: amounts.map((fen) => fen * MICRO_PER_FEN), days_left: days };
    const { quietFrom, quietUntil } = this.data;
    const quiet = quietFrom && quietUntil ? { since_min: minute(quietFrom), until_min: minute(quietUntil) } : null;
    const saved = await attempt(this, async () => {
      this.show(await client.setAlerts({ account_id: this.data.id }, levels));
      await client.setPreferences({ channels: this.channels, quiet });
    });
    this.setData({ saved });
  },

  async ask() {
    const left = await subscriptions.ask(this);
    if (left !== null) this.setData({ left });
  },
});

function words(typed) {
  return typed.split(/[\s,，、]+/).filter(Boolean);
}

function hour(minutes) {
  const two = (value) => String(value).padStart(2, "0");
  return `${two(Math.trunc(minutes / 60))}:${two(minutes % 60)}`;
}

function minute(clock) {
  const [hours, minutes] = clock.split(":").map(Number);
  return hours * 60 + minutes;
}
