// What an operator changes: where the server is. The address must be among the request domains of the mini-program.
"use strict";
module.exports = { BASE_URL: "https://power.example.com" };
