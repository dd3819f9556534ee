// Chooses an amount and a provider, shows the code or jumps, and follows the payment up to "the power is on".
"use strict";
const state = JSON.parse(document.body.dataset.state);
const words = state.words;
const find = (query) => document.querySelector(query);
const STEPS = ["waiting", "paid", "credited", "power_on"];
const STEP_OF = { switching: "power_on", credited_still_on: "power_on", stuck: "power_on" };
const LIT = ["power_on", "credited_still_on"];
const CHIPS_FEN = [2000, 5000, 10000, 20000];
const agent = navigator.userAgent;
const inWeChat = /MicroMessenger/i.test(agent);
const inAlipay = /AlipayClient/i.test(agent);
const onPhone = /Android|iPhone|iPad|Mobile/i.test(agent);
let amountFen = state.amount_fen;
let following = false;

function say(text, bad) {
  const line = find(".said");
  line.textContent = text;
  line.classList.toggle("bad", Boolean(bad));
}

function showStage(stage, ended, text) {
  const steps = find(".steps");
  const at = STEPS.indexOf(STEP_OF[stage] || stage);
  steps.hidden = at < 0;
  steps.replaceChildren(...STEPS.map((name, place) => {
    const item = document.createElement("li");
    item.textContent = state.steps[name];
    const done = place < at || (place === at && LIT.includes(stage));
    item.className = done ? "done" : place === at ? "now" : "";
    if (place === at) item.setAttribute("aria-current", "step");
    return item;
  }));
  document.body.dataset.stage = stage;
  document.body.dataset.lit = LIT.includes(stage);
  say(text, ["expired", "disputed", "stuck"].includes(stage));
  if (stage !== "waiting" && stage !== "none") find(".code").hidden = find(".back").hidden = find(".until").hidden = true;
  if (stage === "expired") location.reload();
}

async function ask(path, options) {
  const lang = document.documentElement.lang;
  const headers = { "Accept-Language": lang, ...(options && options.body ? { "Content-Type": "application/json" } : {}) };
  const answer = await fetch("/api/v1/pay/" + state.token + path, { ...options, headers, cache: "no-store", referrerPolicy: "no-referrer" });
  const data = await answer.json();
  if (!answer.ok) throw Object.assign(new Error(data.detail), { told: data.detail, key: data.key, status: answer.status });
  return data;
}

async function follow(stage) {
  if (following) return;
  following = true;
  let misses = 0;
  for (let seen = stage; ;) {
    try {
      const news = await ask("/progress?wait_s=25&seen=" + encodeURIComponent(seen));
      if (misses || news.stage !== seen) showStage(news.stage, news.ended, news.words);
      misses = 0;
      seen = news.stage;
      if (news.ended) return;
    } catch (trouble) {
      misses += 1;
      say(trouble.told || words.offline, true);
      if (trouble.status && trouble.status < 500 && trouble.status !== 429) return;
      await new Promise((resolve) => setTimeout(resolve, Math.min(15000, 1000 * 2 ** misses)));
    }
  }
}

function wayFor(provider) {
  if (inWeChat) return "qr";
  if (inAlipay) return provider === "alipay" ? "wap" : "qr";
  return onPhone ? "wap" : "qr";
}

async function order(provider, way) {
  const wish = { provider, way };
  if (state.amount_fen === null) wish.amount_fen = amountFen;
  try {
    return await ask("/orders", { method: "POST", body: JSON.stringify(wish) });
  } catch (trouble) {
    if (way === "wap" && trouble.key === "refused.pay_way") return order(provider, "qr");
    throw trouble;
  }
}

async function pay(button) {
  if (amountFen === null) { say(words.amount_range, true); find(".choose input").focus(); return; }
  const provider = button.dataset.provider;
  const buttons = [...document.querySelectorAll(".ways button")];
  buttons.forEach((each) => { each.disabled = true; });
  say(words.asking);
  try {
    const { progress, payment } = await order(provider, wayFor(provider));
    find(".ways").hidden = find(".choose").hidden = true;
    find(".amount").textContent = "¥" + (amountFen / 100).toFixed(2);
    showStage(progress.stage, progress.ended, progress.words);
    if (payment) show(payment, provider);
    if (!progress.ended) follow(progress.stage);
  } catch (trouble) {
    say(trouble.told || words.offline, true);
  }
  buttons.forEach((each) => { each.disabled = false; });
}

function show(payment, provider) {
  const code = find(".code");
  const image = find(".code img");
  const link = find(".code .open");
  image.hidden = !payment.code_image;
  if (payment.code_image) image.src = payment.code_image;
  const hint = words["scan." + provider] || words["scan.other"];
  image.alt = hint;
  find(".code p").textContent = payment.code_image ? (inWeChat && provider === "wechat_pay" ? words.in_wechat : hint) : "";
  link.hidden = !payment.open_url;
  if (payment.open_url && /^(https|http|alipays|weixin):/.test(payment.open_url)) {
    link.href = payment.open_url;
    link.textContent = words.open;
    location.assign(payment.open_url);
  }
  if (payment.code_uri && state.payer_url) {
    link.href = state.payer_url.replace("{uri}", encodeURIComponent(payment.code_uri));
    link.textContent = words.sandbox;
    link.target = "_blank";
    link.rel = "noopener noreferrer";
    link.hidden = false;
  }
  code.hidden = false;
  const back = find(".back");
  back.textContent = words.other_way;
  back.hidden = false;
}

function goBack() {
  find(".code").hidden = find(".back").hidden = find(".steps").hidden = true;
  find(".ways").hidden = false;
  find(".choose").hidden = state.amount_fen !== null;
  say("");
}

function choose(fen, typed) {
  amountFen = fen;
  document.querySelectorAll(".chips button").forEach((each) => each.setAttribute("aria-pressed", String(Number(each.dataset.fen) === fen)));
  if (!typed && fen !== null) find(".choose input").value = String(fen / 100);
}

function offerAmounts() {
  const form = find(".choose");
  form.hidden = false;
  find(".chips").replaceChildren(...CHIPS_FEN.map((fen) => {
    const chip = document.createElement("button");
    chip.type = "button";
    chip.dataset.fen = fen;
    chip.textContent = "¥" + fen / 100;
    chip.addEventListener("click", () => choose(fen, false));
    return chip;
  }));
  find(".choose input").addEventListener("input", (event) => {
    const match = /^(\d{1,5})(?:[.。](\d{1,2}))?$/.exec(event.target.value.trim());
    const fen = match ? Number(match[1]) * 100 + Number((match[2] || "0").padEnd(2, "0")) : null;
    choose(fen !== null && fen >= state.min_fen && fen <= state.max_fen ? fen : null, true);
  });
  form.addEventListener("submit", (event) => event.preventDefault());
  choose(CHIPS_FEN[1], false);
}

function offerWays() {
  const ways = find(".ways");
  ways.replaceChildren(...state.providers.map(({ name, label }) => {
    const button = document.createElement("button");
    button.type = "button";
    button.dataset.provider = name;
    button.textContent = label;
    button.addEventListener("click", () => pay(button));
    return button;
  }));
  ways.hidden = false;
}

find(".back").addEventListener("click", goBack);
if (state.kind === "open") {
  if (state.amount_fen === null) offerAmounts();
  offerWays();
} else if (state.kind === "begun") {
  state.token = location.pathname.split("/").pop();
  showStage(state.stage, state.ended, state.said);
  if (!state.ended) follow(state.stage);
}
