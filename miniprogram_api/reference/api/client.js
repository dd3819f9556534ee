// Made from the contract, version 1.0.0. Do not edit: python -m miniprogram_api.reference_client
// `names` holds what stands in path and query, `body` what is sent, `how` may hold a `key` (Idempotency-Key).
"use strict";
const { send } = require("../lib/request");

const ROOT = "/api/v1";

/** Log in with the code of wx.login. */
function logInByWeChat(body, how) {
  return send({
    method: "POST",
    path: ROOT + "/login/wechat",
    body,
    open: true,
    how,
  });
}

/** Log in with initData of a Telegram Web App. */
function logInByTelegram(body, how) {
  return send({
    method: "POST",
    path: ROOT + "/login/telegram",
    body,
    open: true,
    how,
  });
}

/** Log in with a code from the chat. */
function logInByCode(body, how) {
  return send({
    method: "POST",
    path: ROOT + "/login/code",
    body,
    open: true,
    how,
  });
}

/** New tokens for a refresh token, once. */
function refreshTokens(body, how) {
  return send({
    method: "POST",
    path: ROOT + "/login/refresh",
    body,
    open: true,
    how,
  });
}

/** End this login. */
function logOut(how) {
  return send({
    method: "POST",
    path: ROOT + "/logout",
    how,
  });
}

/** End every login of the person. */
function logOutEverywhere(how) {
  return send({
    method: "POST",
    path: ROOT + "/logout/everywhere",
    how,
  });
}

/** Who is logged in. */
function getMe(how) {
  return send({
    method: "GET",
    path: ROOT + "/me",
    how,
  });
}

/** Choose the language. */
function setLanguage(body, how) {
  return send({
    method: "PUT",
    path: ROOT + "/me/language",
    body,
    how,
  });
}

/** Bind an account with a one-time code. */
function bind(body, how) {
  return send({
    method: "POST",
    path: ROOT + "/bindings",
    body,
    how,
  });
}

/** End a binding, at once. names: account_id */
function unbind(names, how) {
  return send({
    method: "DELETE",
    path: ROOT + `/bindings/${encodeURIComponent(names.account_id)}`,
    how,
  });
}

/** The accounts that one is bound to. */
function listAccounts(how) {
  return send({
    method: "GET",
    path: ROOT + "/accounts",
    how,
  });
}

/** From which balance on the account's people are told. names: account_id */
function getAlerts(names, how) {
  return send({
    method: "GET",
    path: ROOT + `/accounts/${encodeURIComponent(names.account_id)}/alerts`,
    how,
  });
}

/** Choose the account's own warning levels. names: account_id */
function setAlerts(names, body, how) {
  return send({
    method: "PUT",
    path: ROOT + `/accounts/${encodeURIComponent(names.account_id)}/alerts`,
    body,
    how,
  });
}

/** How the person is told. */
function getPreferences(how) {
  return send({
    method: "GET",
    path: ROOT + "/me/preferences",
    how,
  });
}

/** Choose the order of channels, and quiet hours. */
function setPreferences(body, how) {
  return send({
    method: "PUT",
    path: ROOT + "/me/preferences",
    body,
    how,
  });
}

/** What the person was told, newest first. names: limit?, cursor? */
function listMessages(names = {}, how) {
  return send({
    method: "GET",
    path: ROOT + "/me/messages",
    query: { limit: names.limit, cursor: names.cursor },
    how,
  });
}

/** Subscribe messages, and for how many the person has said yes. */
function getSubscriptions(how) {
  return send({
    method: "GET",
    path: ROOT + "/me/subscriptions",
    how,
  });
}

/** What wx.requestSubscribeMessage has answered: each yes is one message more. */
function reportSubscriptions(body, how) {
  return send({
    method: "POST",
    path: ROOT + "/me/subscriptions",
    body,
    how,
  });
}

/** How the person can be reached. */
function listContacts(how) {
  return send({
    method: "GET",
    path: ROOT + "/me/contacts",
    how,
  });
}

/** Name a new address: a code is sent to it. */
function addContact(body, how) {
  return send({
    method: "POST",
    path: ROOT + "/me/contacts",
    body,
    how,
  });
}

/** Give the code that came to the new address. */
function confirmContact(body, how) {
  return send({
    method: "POST",
    path: ROOT + "/me/contacts/confirm",
    body,
    how,
  });
}

/** Take an address away. names: contact_id */
function removeContact(names, how) {
  return send({
    method: "DELETE",
    path: ROOT + `/me/contacts/${encodeURIComponent(names.contact_id)}`,
    how,
  });
}

/** Balance, what it buys, and whether the power is on. names: account_id */
function getBalance(names, how) {
  return send({
    method: "GET",
    path: ROOT + `/accounts/${encodeURIComponent(names.account_id)}/balance`,
    how,
  });
}

/** How far the supplies are on the way to what is wanted; waits for news if asked to. names: account_id, seen?, wait_s? */
function followSupply(names, how) {
  return send({
    method: "GET",
    path: ROOT + `/accounts/${encodeURIComponent(names.account_id)}/supply`,
    query: { seen: names.seen, wait_s: names.wait_s },
    how,
  });
}

/** Use by hour, day or month. names: account_id, step?, count?, utility? */
function getUsage(names, how) {
  return send({
    method: "GET",
    path: ROOT + `/accounts/${encodeURIComponent(names.account_id)}/usage`,
    query: { step: names.step, count: names.count, utility: names.utility },
    how,
  });
}

/** What runs at night and at rest, and hours unlike the others. names: account_id, days? */
function getLoad(names, how) {
  return send({
    method: "GET",
    path: ROOT + `/accounts/${encodeURIComponent(names.account_id)}/load`,
    query: { days: names.days },
    how,
  });
}

/** What the meters show now, and showed at the last midnights. names: account_id, days? */
function getReadings(names, how) {
  return send({
    method: "GET",
    path: ROOT + `/accounts/${encodeURIComponent(names.account_id)}/readings`,
    query: { days: names.days },
    how,
  });
}

/** Movements of money, newest first. names: account_id, limit?, cursor? */
function listEntries(names, how) {
  return send({
    method: "GET",
    path: ROOT + `/accounts/${encodeURIComponent(names.account_id)}/entries`,
    query: { limit: names.limit, cursor: names.cursor },
    how,
  });
}

/** Why an entry is what it is. names: account_id, seq */
function explainEntry(names, how) {
  return send({
    method: "GET",
    path: ROOT + `/accounts/${encodeURIComponent(names.account_id)}/entries/${encodeURIComponent(names.seq)}`,
    how,
  });
}

/** The statement of a month. names: account_id, month?, limit?, cursor? */
function getStatement(names, how) {
  return send({
    method: "GET",
    path: ROOT + `/accounts/${encodeURIComponent(names.account_id)}/statement`,
    query: { month: names.month, limit: names.limit, cursor: names.cursor },
    how,
  });
}

/** Take emergency credit. names: account_id */
function takeEmergencyCredit(names, how) {
  return send({
    method: "POST",
    path: ROOT + `/accounts/${encodeURIComponent(names.account_id)}/emergency-credit`,
    how,
  });
}

/** Say that appliances are off, so that a supply which waits for it comes back. names: account_id */
function confirmSafe(names, how) {
  return send({
    method: "POST",
    path: ROOT + `/accounts/${encodeURIComponent(names.account_id)}/safe`,
    how,
  });
}

/** Say that an entry is wrong. names: account_id */
function disputeEntry(names, body, how) {
  return send({
    method: "POST",
    path: ROOT + `/accounts/${encodeURIComponent(names.account_id)}/disputes`,
    body,
    how,
  });
}

/** Monthly bills, newest first; the statement of a month has the lines. names: account_id, months? */
function listBills(names, how) {
  return send({
    method: "GET",
    path: ROOT + `/accounts/${encodeURIComponent(names.account_id)}/bills`,
    query: { months: names.months },
    how,
  });
}

/** Who else is bound to the account. names: account_id */
function listMembers(names, how) {
  return send({
    method: "GET",
    path: ROOT + `/accounts/${encodeURIComponent(names.account_id)}/members`,
    how,
  });
}

/** A one-time code for one more person. names: account_id */
function inviteMember(names, how) {
  return send({
    method: "POST",
    path: ROOT + `/accounts/${encodeURIComponent(names.account_id)}/members`,
    how,
  });
}

/** End somebody else's binding, at once. names: account_id, person_id */
function removeMember(names, how) {
  return send({
    method: "DELETE",
    path: ROOT + `/accounts/${encodeURIComponent(names.account_id)}/members/${encodeURIComponent(names.person_id)}`,
    how,
  });
}

/** Ask the staff for help, for protection, or to move out. names: account_id */
function askStaff(names, body, how) {
  return send({
    method: "POST",
    path: ROOT + `/accounts/${encodeURIComponent(names.account_id)}/wishes`,
    body,
    how,
  });
}

/** How far a move-out is: final readings, what is left, where it goes. names: account_id */
function getMoveOut(names, how) {
  return send({
    method: "GET",
    path: ROOT + `/accounts/${encodeURIComponent(names.account_id)}/move-out`,
    how,
  });
}

/** Agree to exactly these final readings and this statement. names: account_id */
function agreeToMoveOut(names, body, how) {
  return send({
    method: "POST",
    path: ROOT + `/accounts/${encodeURIComponent(names.account_id)}/move-out/agreement`,
    body,
    how,
  });
}

/** Begin a top-up; the same wish again, while it can be paid, is the same order. names: account_id */
function startTopUp(names, body, how) {
  return send({
    method: "POST",
    path: ROOT + `/accounts/${encodeURIComponent(names.account_id)}/orders`,
    body,
    how,
  });
}

/** Orders, newest first. names: account_id, limit?, cursor? */
function listOrders(names, how) {
  return send({
    method: "GET",
    path: ROOT + `/accounts/${encodeURIComponent(names.account_id)}/orders`,
    query: { limit: names.limit, cursor: names.cursor },
    how,
  });
}

/** How far a payment has come; waits for news. names: order_id, seen?, wait_s? */
function followOrder(names, how) {
  return send({
    method: "GET",
    path: ROOT + `/orders/${encodeURIComponent(names.order_id)}`,
    query: { seen: names.seen, wait_s: names.wait_s },
    how,
  });
}

/** Take a wish to pay back; if it was paid meanwhile it is credited. names: order_id */
function cancelOrder(names, how) {
  return send({
    method: "DELETE",
    path: ROOT + `/orders/${encodeURIComponent(names.order_id)}`,
    how,
  });
}

/** Make a link by which somebody else pays, once. names: account_id */
function makePayLink(names, body, how) {
  return send({
    method: "POST",
    path: ROOT + `/accounts/${encodeURIComponent(names.account_id)}/pay-links`,
    body,
    how,
  });
}

/** Links that can still be paid by. names: account_id */
function listPayLinks(names, how) {
  return send({
    method: "GET",
    path: ROOT + `/accounts/${encodeURIComponent(names.account_id)}/pay-links`,
    how,
  });
}

/** Take a link back. names: link_id */
function revokePayLink(names, how) {
  return send({
    method: "DELETE",
    path: ROOT + `/pay-links/${encodeURIComponent(names.link_id)}`,
    how,
  });
}

/** What a link is good for. names: token */
function lookAtPayLink(names, how) {
  return send({
    method: "GET",
    path: ROOT + `/pay/${encodeURIComponent(names.token)}`,
    open: true,
    how,
  });
}

/** Pay by a link. names: token */
function payByLink(names, body, how) {
  return send({
    method: "POST",
    path: ROOT + `/pay/${encodeURIComponent(names.token)}/orders`,
    body,
    open: true,
    how,
  });
}

/** How far the payment by a link has come; waits for news. names: token, seen?, wait_s? */
function followPayLink(names, how) {
  return send({
    method: "GET",
    path: ROOT + `/pay/${encodeURIComponent(names.token)}/progress`,
    query: { seen: names.seen, wait_s: names.wait_s },
    open: true,
    how,
  });
}

/** Find a payment that has not arrived, by the provider's number. names: account_id */
function claimPayment(names, body, how) {
  return send({
    method: "POST",
    path: ROOT + `/accounts/${encodeURIComponent(names.account_id)}/claims`,
    body,
    how,
  });
}

/** Reports and bills that come to the chat by themselves. */
function listMailOuts(how) {
  return send({
    method: "GET",
    path: ROOT + "/me/mail-outs",
    how,
  });
}

/** Have a report or a bill sent every day or month; the same again changes its form. */
function orderMailOut(body, how) {
  return send({
    method: "POST",
    path: ROOT + "/me/mail-outs",
    body,
    how,
  });
}

/** End one of these, at once. names: mail_out_id */
function stopMailOut(names, how) {
  return send({
    method: "DELETE",
    path: ROOT + `/me/mail-outs/${encodeURIComponent(names.mail_out_id)}`,
    how,
  });
}

/** Planned outages that touch one's accounts, or one's places. */
function listOutages(how) {
  return send({
    method: "GET",
    path: ROOT + "/outages",
    how,
  });
}

/** The price lists in force, today's bands, steps and fees. names: account_id */
function getPrices(names, how) {
  return send({
    method: "GET",
    path: ROOT + `/accounts/${encodeURIComponent(names.account_id)}/prices`,
    how,
  });
}

module.exports = {
  logInByWeChat,
  logInByTelegram,
  logInByCode,
  refreshTokens,
  logOut,
  logOutEverywhere,
  getMe,
  setLanguage,
  bind,
  unbind,
  listAccounts,
  getAlerts,
  setAlerts,
  getPreferences,
  setPreferences,
  listMessages,
  getSubscriptions,
  reportSubscriptions,
  listContacts,
  addContact,
  confirmContact,
  removeContact,
  getBalance,
  followSupply,
  getUsage,
  getLoad,
  getReadings,
  listEntries,
  explainEntry,
  getStatement,
  takeEmergencyCredit,
  confirmSafe,
  disputeEntry,
  listBills,
  listMembers,
  inviteMember,
  removeMember,
  askStaff,
  getMoveOut,
  agreeToMoveOut,
  startTopUp,
  listOrders,
  followOrder,
  cancelOrder,
  makePayLink,
  listPayLinks,
  revokePayLink,
  lookAtPayLink,
  payByLink,
  followPayLink,
  claimPayment,
  listMailOuts,
  orderMailOut,
  stopMailOut,
  listOutages,
  getPrices,
};
