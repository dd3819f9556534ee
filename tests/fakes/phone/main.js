// Runs the reference mini-program for a test: commands come in as lines of JSON, answers go out as lines of JSON.
"use strict";
const path = require("node:path");
const readline = require("node:readline");
const { simulator } = require("./simulator");
const { phone } = require("./wx");
const { show } = require("./wxml");

const [root, given] = process.argv.slice(2);
const world = JSON.parse(given);
const { seen, wx } = phone(world);
const definitions = {};
let page = null;
let drawn = null;
let now = "";

global.wx = wx;
const simulated = world.simulator ? simulator(world.simulator, root) : null;
global.App = (app) => app.onLaunch();
global.Page = (definition) => {
  definitions[now] = definition;
};

function put(data, name, value) {
  const steps = name.split(/[.[\]]+/).filter(Boolean);
  const last = steps.pop();
  steps.reduce((held, step) => held[step], data)[last] = value;
}

function made(definition) {
  const one = { ...definition, data: structuredClone(definition.data) };
  one.setData = (changes) => {
    for (const [name, value] of Object.entries(changes)) {
      if (value === undefined) throw new Error(`setData of ${name} without a value`);
      put(one.data, name, structuredClone(value));
    }
  };
  return one;
}

const commands = {
  inspect: () =>
    Object.fromEntries(
      Object.entries(definitions).map(([name, definition]) => [
        name,
        {
          data: Object.keys(definition.data),
          methods: Object.keys(definition).filter((key) => typeof definition[key] === "function"),
        },
      ]),
    ),
  texts: () => require(path.join(root, "lib/texts")).tables,
  figures: ({ call, args }) => require(path.join(root, "lib/figures"))[call](...args),
  async open({ name, options }) {
    drawn = simulated && simulated.open(name);
    page = drawn ? drawn.instance : made(definitions[name]);
    page.route = name;
    for (const [step, argument] of [["onLoad", options || {}], ["onShow"], ["onReady"]]) {
      if (page[step]) await page[step](argument);
    }
  },
  async act({ handler, detail, dataset }) {
    if (drawn) await simulated.act(drawn, handler, detail || {}, dataset || {});
    else await page[handler]({ detail: detail || {}, currentTarget: { dataset: dataset || {} } });
  },
  change: ({ changes }) => void Object.assign(world, changes),
  look: () => ({ data: page.data, text: drawn ? simulated.text(drawn) : show(world.wxml[page.route], page.data), seen }),
};

async function answer(line) {
  const { id, command, ...wish } = JSON.parse(line);
  try {
    return { id, found: (await commands[command](wish)) ?? null };
  } catch (trouble) {
    return { id, trouble: `${trouble.stack}` };
  }
}

require(path.join(root, "config")).BASE_URL = world.base_url;
require(path.join(root, "app"));
for (const name of require(path.join(root, "app.json")).pages) {
  now = name;
  require(path.join(root, name));
}
readline.createInterface({ input: process.stdin }).on("line", (line) => {
  answer(line).then((found) => process.stdout.write(`${JSON.stringify(found)}\n`));
});
