// Tops a room up, and follows the payment until the power is on.
"use strict";
const client = require("../../api/client");
const { fenText, readFen } = require("../../lib/figures");
const { follow } = require("../../lib/follow");
const { attempt, dress } = require("../../lib/page");
const { freshKey } = require("../../lib/request");
const subscriptions = require("../../lib/subscriptions");

const AMOUNTS = ["20", "50", "100", "200"];

Page({
  data: { t: {}, problem: "", busy: false, id: "", amounts: AMOUNTS, amount: "50", order: null, unpaid: false },

  onLoad(options) {
    this.setData({ id: decodeURIComponent(options.id) });
    dress(this, "recharge");
    this.key = freshKey();
    return subscriptions.prepare(this);
  },

  onUnload() {
    this.gone = true;
  },

  onAmount(event) {
    this.setAmount(event.detail.value);
  },

  choose(event) {
    this.setAmount(event.currentTarget.dataset.amount);
  },

  setAmount(amount) {
    // Another amount is another wish.
    this.key = freshKey();
    this.setData({ amount });
  },

  async pay() {
    const fen = readFen(this.data.amount);
    if (!fen) {
      this.setData({ problem: this.data.t.bad_amount });
      return;
    }
    let asked = Promise.resolve(null);
    await attempt(this, async () => {
      this.setData({ unpaid: false, order: null });
      const wish = { amount_fen: fen, provider: "wechat_pay", way: "in_app" };
      const order = await client.startTopUp({ account_id: this.data.id }, wish, { key: this.key });
      this.show(order);
      const confirmed = await requested(order.payment && order.payment.request_payment);
      this.setData({ unpaid: !confirmed });
      if (!confirmed) return;
      // WeChat shows this question only after a tap or a payment.
      asked = subscriptions.ask(this);
      await this.follow(order.order_id);
    });
    await asked;
  },

  async follow(orderId) {
    await follow(orderId, (order) => this.show(order), () => Boolean(this.gone));
    if (this.data.order.ended) this.key = freshKey();
  },

  show(order) {
    this.setData({
      order: {
        id: order.order_id,
        amount: fenText(order.amount_fen),
        words: order.words,
        stage: order.stage,
        ended: order.ended,
      },
    });
  },
});

/** Whether the person went through with it. Only the order says whether the money has come. */
function requested(call) {
  if (!call) return Promise.resolve(true);
  return new Promise((resolve) => {
    wx.requestPayment({ ...call, success: () => resolve(true), fail: () => resolve(false) });
  });
}
