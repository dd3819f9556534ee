// The newest top-ups; a tap asks how far one has come.
"use strict";
const client = require("../../api/client");
const { clock, fenText } = require("../../lib/figures");
const { attempt, dress } = require("../../lib/page");

Page({
  data: { t: {}, problem: "", busy: false, id: "", orders: [], empty: false },

  onLoad(options) {
    this.setData({ id: decodeURIComponent(options.id) });
  },

  onShow() {
    dress(this, "orders");
    return attempt(this, async () => {
      const { orders } = await client.listOrders({ account_id: this.data.id, limit: 20 });
      const lines = orders.map((order) => ({
        id: order.order_id,
        amount: fenText(order.amount_fen),
        at: clock(order.created_at),
        words: "",
      }));
      this.setData({ orders: lines, empty: !lines.length });
    });
  },

  look(event) {
    const { place } = event.currentTarget.dataset;
    return attempt(this, async () => {
      const order = await client.followOrder({ order_id: this.data.orders[place].id });
      this.setData({ [`orders[${place}].words`]: order.words });
    });
  },
});
