// Keeps the page up to date: figures as they come, the lists by reading the page again. Without it, reload.
"use strict";
const words = document.body.dataset;
const lamp = document.querySelector(".live");
const REFRESH_MS = 400;
const SPREAD_MS = 2500;
const AGAIN_MS = 10000;
let source = null;
let refreshing = 0;
let over = false;

function say(state) {
  if (document.body.dataset.link === state) return;
  document.body.dataset.link = state;
  lamp.textContent = { live: words.liveWord, lost: words.lostWord, over: words.overWord }[state];
}

function put(texts) {
  for (const node of document.querySelectorAll("[data-live]")) {
    const text = texts[node.dataset.live];
    if (text === undefined || text === node.textContent) continue;
    node.textContent = text;
    node.classList.remove("fresh");
    void node.offsetWidth;
    node.classList.add("fresh");
  }
  for (const node of document.querySelectorAll("[data-mark]")) {
    const mark = texts[node.dataset.mark];
    if (mark !== undefined) node.dataset.state = mark;
  }
}

function end() {
  over = true;
  if (source) source.close();
  say("over");
}

async function refresh() {
  refreshing = 0;
  if (over) return;
  let answer;
  try {
    answer = await fetch(location.href, { cache: "no-store", credentials: "same-origin" });
  } catch {
    return;
  }
  if (answer.status === 401) return end();
  if (!answer.ok) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("main#main");
  if (!fresh) return;
  const focused = document.activeElement && document.activeElement.getAttribute("href");
  document.querySelector("main").replaceWith(document.adoptNode(fresh));
  showLatest();
  if (focused) {
    const same = [...document.querySelectorAll("main a")].find((link) => link.getAttribute("href") === focused);
    if (same) same.focus({ preventScroll: true });
  }
}

// On a phone the chart is wider than the page, and the last days matter most.
function showLatest() {
  const chart = document.querySelector(".chart");
  if (chart) chart.scrollLeft = chart.scrollWidth;
}

function refreshSoon(spread) {
  if (!refreshing) refreshing = setTimeout(refresh, REFRESH_MS + Math.random() * spread);
}

function listen() {
  if (over) return;
  source = new EventSource(words.events);
  source.addEventListener("open", () => say("live"));
  source.addEventListener("figures", (news) => put(JSON.parse(news.data)));
  source.addEventListener("refresh", () => refreshSoon(SPREAD_MS));
  source.addEventListener("again", () => refreshSoon(SPREAD_MS));
  source.addEventListener("over", end);
  source.addEventListener("error", () => {
    if (over) return;
    say("lost");
    if (source.readyState !== EventSource.CLOSED) return;
    setTimeout(async () => { await refresh(); listen(); }, AGAIN_MS);
  });
}

document.body.classList.add("scripted");
document.addEventListener("click", (event) => {
  if (event.target.closest(".print")) window.print();
});
showLatest();
listen();
