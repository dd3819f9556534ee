// Figures as people read them. Money is whole micro-yuan or fen and stays whole: no sum is ever made with fractions.
"use strict";

const MICRO_PER_FEN = 10000;

/** Micro-yuan as yuan with two decimals, cut towards zero. */
function yuan(micro) {
  return fenText(Math.trunc(micro / MICRO_PER_FEN));
}

/** Fen as yuan with two decimals. */
function fenText(fen) {
  const whole = Math.abs(fen);
  const sign = fen < 0 ? "-" : "";
  return `${sign}${Math.trunc(whole / 100)}.${String(whole % 100).padStart(2, "0")}`;
}

/** What a person typed, in fen; null for what is no amount. */
function readFen(typed) {
  const found = /^\s*(\d{1,6})(?:[.。](\d{1,2}))?\s*$/.exec(typed);
  return found ? Number(found[1]) * 100 + Number((found[2] || "").padEnd(2, "0")) : null;
}

/** Wh as kWh with two decimals. */
function kwh(wh) {
  return (wh / 1000).toFixed(2);
}

/** An instant as local time: "11-26 08:05". */
function clock(iso) {
  const at = new Date(iso);
  const two = (value) => String(value).padStart(2, "0");
  return `${two(at.getMonth() + 1)}-${two(at.getDate())} ${two(at.getHours())}:${two(at.getMinutes())}`;
}

module.exports = { MICRO_PER_FEN, clock, fenText, kwh, readFen, yuan };
