// Joins the session to every request, once, before the first page.
"use strict";
const request = require("./lib/request");
const session = require("./lib/session");

App({
  onLaunch() {
    request.use(session);
  },
});
