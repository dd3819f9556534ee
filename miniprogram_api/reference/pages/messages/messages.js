// What the person was told, newest first, wherever it was delivered.
"use strict";
const client = require("../../api/client");
const { clock } = require("../../lib/figures");
const { attempt, dress } = require("../../lib/page");

Page({
  data: { t: {}, problem: "", busy: false, messages: [], next: "", empty: false },

  onLoad() {
    dress(this, "messages");
    return this.more();
  },

  more() {
    return attempt(this, async () => {
      const found = await client.listMessages({ limit: 20, cursor: this.data.next || undefined });
      const lines = found.messages.map((each) => ({ id: each.message_id, at: clock(each.at), words: each.words }));
      const messages = this.data.messages.concat(lines);
      this.setData({ messages, next: found.next || "", empty: !messages.length });
    });
  },

  onReachBottom() {
    return this.data.next ? this.more() : Promise.resolve();
  },
});
