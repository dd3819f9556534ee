// Follows a payment until the power is on. Only what the server says counts: the answer of `wx.requestPayment` proves
// nothing.
"use strict";
const client = require("../api/client");

const WAIT_S = 25;
const REST_MS = 3000;
const TRIES = 40;

/** Calls `news(order)` with each stage until there are no more, `stopped()` says so, or the network is gone for long. */
async function follow(orderId, news, stopped) {
  let seen;
  let tries = 0;
  while (tries < TRIES && !stopped()) {
    try {
      const order = await client.followOrder({ order_id: orderId, seen, wait_s: seen ? WAIT_S : 0 });
      if (stopped()) return;
      if (order.stage !== seen) news(order);
      if (order.ended) return;
      seen = order.stage;
      tries = 0;
    } catch (problem) {
      if (problem.status && problem.status < 500 && problem.status !== 429) throw problem;
      tries += 1;
      await new Promise((resolve) => setTimeout(resolve, REST_MS));
    }
  }
}

module.exports = { follow };
