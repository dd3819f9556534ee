// Monthly bills; a month opens into its lines, and a line says why it is what it is.
"use strict";
const client = require("../../api/client");
const { clock, kwh, yuan } = require("../../lib/figures");
const { attempt, dress } = require("../../lib/page");

const LINES = 50;

Page({
  data: { t: {}, problem: "", busy: false, id: "", bills: [], month: "", lines: [], next: "", why: null },

  onLoad(options) {
    this.setData({ id: decodeURIComponent(options.id) });
    dress(this, "bills");
    return attempt(this, async () => {
      const { bills } = await client.listBills({ account_id: this.data.id, months: 12 });
      this.setData({
        bills: bills.map((bill) => ({
          month: bill.month,
          opening: yuan(bill.opening_micro),
          closing: yuan(bill.closing_micro),
        })),
      });
    });
  },

  open(event) {
    this.setData({ month: event.currentTarget.dataset.month, lines: [], next: "", why: null });
    return this.more();
  },

  more() {
    const { id, month, next, t } = this.data;
    return attempt(this, async () => {
      const wish = { account_id: id, month, limit: LINES, cursor: next || undefined };
      const found = await client.getStatement(wish);
      const lines = found.lines.map((line) => ({
        seq: line.seq,
        at: clock(line.at),
        amount: yuan(line.amount_micro),
        energy: line.energy_wh ? `${kwh(line.energy_wh)} ${line.utility === "water" ? t.m3 : t.kwh}` : "",
        unit: line.utility === "water" ? t.m3 : t.kwh,
      }));
      this.setData({ lines: this.data.lines.concat(lines), next: found.next || "" });
    });
  },

  explain(event) {
    const { seq } = event.currentTarget.dataset;
    return attempt(this, async () => {
      const found = await client.explainEntry({ account_id: this.data.id, seq });
      const lines = found.lines.map((line) => ({
        key: `${line.band}-${line.from_wh}-${line.to_wh}`,
        band: line.band,
        energy: kwh(line.to_wh - line.from_wh),
        price: yuan(line.price_micro),
      }));
      this.setData({ why: { seq: found.seq, amount: yuan(found.amount_micro), lines } });
    });
  },
});
