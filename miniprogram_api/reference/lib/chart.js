// Use over time as bars on a canvas.
"use strict";

const EDGE = 24;
const COLOURS = { bar: "#0a7a3c", line: "#c9d3cd", words: "#56645b" };

/** Where each bar stands: pure, so that it can be tried without a canvas. */
function bars(steps, width, height) {
  const most = Math.max(1, ...steps.map((step) => step.energy_wh));
  const slot = steps.length ? (width - 2 * EDGE) / steps.length : 0;
  return steps.map((step, place) => {
    const tall = Math.max(0, ((height - 2 * EDGE) * step.energy_wh) / most);
    return { x: EDGE + place * slot, y: height - EDGE - tall, width: Math.max(1, slot * 0.7), height: tall };
  });
}

/** Draws the steps; `say` makes a label of a step's start. */
function draw(context, steps, width, height, say) {
  context.clearRect(0, 0, width, height);
  context.fillStyle = COLOURS.line;
  context.fillRect(EDGE, height - EDGE, width - 2 * EDGE, 1);
  context.fillStyle = COLOURS.bar;
  const placed = bars(steps, width, height);
  placed.forEach((bar) => context.fillRect(bar.x, bar.y, bar.width, bar.height));
  context.fillStyle = COLOURS.words;
  context.font = "10px sans-serif";
  const every = Math.max(1, Math.ceil(steps.length / 6));
  steps.forEach((step, place) => {
    if (place % every === 0) context.fillText(say(step.start), placed[place].x, height - 8);
  });
}

module.exports = { bars, draw };
