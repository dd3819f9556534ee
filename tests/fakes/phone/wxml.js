// Shows a page's WXML as text over the page's data. A name that neither the data nor a loop has is an error.
"use strict";

const BRACES = /\{\{([^}]*)\}\}/g;

function evaluate(expression, scope) {
  const known = new Proxy(scope, {
    has: () => true,
    get(target, name) {
      if (name === Symbol.unscopables) return undefined;
      if (!(name in target)) throw new Error(`WXML names ${String(name)}, which is not there`);
      return target[name];
    },
  });
  return new Function("scope", `with (scope) { return (${expression}); }`)(known);
}

function fill(text, scope) {
  const whole = /^\{\{([^}]*)\}\}$/.exec(text);
  if (whole) return evaluate(whole[1], scope);
  return text.replace(BRACES, (_, expression) => {
    const value = evaluate(expression, scope);
    if (value === undefined) throw new Error(`WXML shows nothing for ${expression}`);
    return String(value);
  });
}

/** A node is a text, or {name, attributes, children}. */
function show(node, scope) {
  if (typeof node === "string") return String(fill(node, scope));
  const given = node.attributes;
  if ("wx:for" in given) {
    const item = given["wx:for-item"] || "item";
    const { "wx:for": list, ...rest } = given;
    const one = { ...node, attributes: rest };
    return fill(list, scope)
      .map((each, index) => show(one, { ...scope, index, [item]: each }))
      .join("\n");
  }
  if ("wx:if" in given && !fill(given["wx:if"], scope)) return "";
  const said = Object.entries(given)
    .filter(([name]) => !name.startsWith("wx:") && !name.startsWith("bind"))
    .map(([name, value]) => [name, fill(value, scope)])
    .filter(([name]) => name === "value")
    .map(([, value]) => String(value));
  return [...said, ...node.children.map((child) => show(child, scope))].filter(Boolean).join(" ");
}

module.exports = { show };
