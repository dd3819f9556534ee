// A stand-in for WeChat on a phone: `wx.request` goes over real HTTP, `wx.login` asks WeChat's stand-in for a code, and
// `wx.requestPayment` pays at the sandbox. What a test tells it is in `world`.
"use strict";

function phone(world) {
  const storage = new Map();
  const seen = { titles: [], opened: [], drawn: 0, asked: [], requests: [] };

  async function post(url, body) {
    const answer = await fetch(url, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
    });
    return { ok: answer.ok, body: await answer.json().catch(() => ({})) };
  }

  async function request({ url, method, data, header, success, fail }) {
    let answer;
    try {
      answer = await fetch(url, { method, headers: header, body: data && JSON.stringify(data) });
    } catch (trouble) {
      fail({ errMsg: `request:fail ${trouble.message}` });
      return;
    }
    const text = await answer.text();
    seen.requests.push(`${method} ${answer.status}`);
    success({ statusCode: answer.status, data: text ? JSON.parse(text) : "" });
  }

  const context = {
    clearRect() {},
    fillRect() {
      seen.drawn += 1;
    },
    fillText() {},
    scale() {},
  };
  const canvas = { width: 0, height: 0, getContext: () => context };

  const wx = {
    request(wish) {
      request(wish);
    },
    login({ success, fail }) {
      post(world.login_url, { person: world.person }).then(({ ok, body }) => (ok ? success(body) : fail(body)));
    },
    requestPayment({ success, fail, ...call }) {
      if (world.cancels) {
        fail({ errMsg: "requestPayment:fail cancel" });
        return;
      }
      const sealed = JSON.stringify({ appId: world.appid, ...call });
      post(world.pay_url, { code_url: sealed }).then(({ ok, body }) => (ok ? success({}) : fail(body)));
    },
    requestSubscribeMessage({ tmplIds, success }) {
      seen.asked.push(tmplIds);
      success(Object.fromEntries([["errMsg", "ok"], ...tmplIds.map((id) => [id, world.answer])]));
    },
    getStorageSync: (key) => (storage.has(key) ? structuredClone(storage.get(key)) : ""),
    setStorageSync: (key, value) => void storage.set(key, structuredClone(value)),
    removeStorageSync: (key) => void storage.delete(key),
    getAppBaseInfo: () => ({ language: world.language }),
    getWindowInfo: () => ({ pixelRatio: 2 }),
    setNavigationBarTitle: ({ title }) => void seen.titles.push(title),
    navigateTo: ({ url }) => void seen.opened.push(url),
    stopPullDownRefresh() {},
    createSelectorQuery: () => ({
      select: () => ({
        fields: () => ({ exec: (then) => then([{ node: canvas, width: 300, height: 160 }]) }),
      }),
    }),
  };
  return { seen, wx };
}

module.exports = { phone };
