// The lamp: an apartment window at night that glows while the power is on, and a control room that watches all of them.
// Only presentation attributes and classes are used, because the page's policy allows no inline styles.

const STARS = [[22, 24, .9], [58, 14, .7], [96, 40, 1], [132, 18, .7], [150, 52, .6], [30, 66, .6], [80, 78, .7], [8, 44, .6], [176, 30, .8]];
const SKYLINE = [[0, 118, 30], [26, 96, 26], [50, 128, 34], [80, 106, 22], [100, 134, 40], [136, 112, 26], [160, 126, 40]];
const TINY = [[8, 128], [16, 140], [34, 106], [40, 118], [34, 132], [86, 118], [94, 130], [142, 124], [150, 138], [62, 142], [112, 146]];

function sky(id) {
  return `
  <linearGradient id="${id}-sky" x1="0" y1="0" x2="0" y2="1">
    <stop offset="0" stop-color="#111a35"/><stop offset=".55" stop-color="#2a3763"/><stop offset="1" stop-color="#715f8e"/>
  </linearGradient>
  <radialGradient id="${id}-moon"><stop offset="0" stop-color="#fff7dc"/><stop offset=".55" stop-color="#f6e9bd"/><stop offset="1" stop-color="#f6e9bd" stop-opacity="0"/></radialGradient>`;
}

function night(id) {
  const stars = STARS.map(([x, y, r], i) => `<circle class="star s${i % 3}" cx="${x}" cy="${y}" r="${r}" fill="#fff"/>`).join("");
  const towers = SKYLINE.map(([x, y, w]) => `<rect x="${x}" y="${y}" width="${w}" height="90" fill="#1c2748"/>`).join("");
  const tiny = TINY.map(([x, y], i) => `<rect x="${x}" y="${y}" width="4" height="5" rx=".6" fill="#f2c879" opacity="${i % 2 ? .55 : .28}"/>`).join("");
  return `<rect width="400" height="180" fill="url(#${id}-sky)"/>${stars}
    <circle cx="158" cy="76" r="24" fill="url(#${id}-moon)" opacity=".35"/><circle cx="158" cy="76" r="9.5" fill="#fbf1cf"/><circle cx="155" cy="74" r="2" fill="#e3d3a0"/><circle cx="161" cy="79" r="1.4" fill="#e3d3a0"/><circle cx="160" cy="72" r="1" fill="#e3d3a0"/>
    ${towers}${tiny}`;
}

function bricks() {
  let out = "";
  for (let row = 0; row < 10; row++) {
    for (let x = 196 + (row % 2 ? 14 : 0); x < 400; x += 47) {
      if ((x * 7 + row * 13) % 5 < 2) out += `<rect x="${x}" y="${6 + row * 18}" width="20" height="7" rx="1.5" fill="#fff" opacity=".045"/>`;
    }
  }
  return out;
}

// The window lies in its own coordinates, 150 by 116.
function pane(id) {
  const lit = `
    <g class="lit">
      <rect width="150" height="116" fill="url(#${id}-room)"/>
      <path d="M0 96 h150 v20 h-150 z" fill="#c9793a" opacity=".55"/>
      <g fill="#8a5228"><rect x="14" y="44" width="30" height="56" rx="2"/></g>
      <g fill="#f6d9a4"><rect x="17" y="48" width="24" height="13"/><rect x="17" y="65" width="24" height="13"/><rect x="17" y="82" width="24" height="14"/></g>
      <g><rect x="19" y="50" width="3" height="11" fill="#b5483a"/><rect x="23" y="52" width="3" height="9" fill="#2f7a6c"/><rect x="27" y="49" width="4" height="12" fill="#3d5a94"/><rect x="33" y="53" width="3" height="8" fill="#d99b3f"/>
        <rect x="20" y="68" width="4" height="10" fill="#3d5a94"/><rect x="25" y="67" width="3" height="11" fill="#b5483a"/><circle cx="35" cy="74" r="4" fill="#2f7a6c"/><rect x="19" y="86" width="9" height="10" fill="#a9683a"/><rect x="31" y="84" width="3" height="12" fill="#b5483a"/></g>
      <rect x="104" y="34" width="28" height="22" rx="1.5" fill="#fdf0cf" stroke="#a5662f" stroke-width="2"/><path d="M107 53 l8-9 5 5 4-4 6 8z" fill="#6d9c86"/><circle cx="124" cy="41" r="2.6" fill="#eda84f"/>
      <path d="M54 100 v-14 q0-8 8-8 h38 q8 0 8 8 v14 z" fill="#2f7a6c"/><path d="M50 102 v-12 q0-6 6-6 t6 6 v4 h38 v-4 q0-6 6-6 t6 6 v12 z" fill="#276659"/><rect x="66" y="80" width="15" height="12" rx="3" fill="#f3b562"/><rect x="84" y="82" width="13" height="10" rx="3" fill="#f7e3bd"/>
      <path d="M75 26 L38 116 H112 Z" fill="url(#${id}-cone)"/>
      <path d="M75 0 v14" stroke="#6b3f1d" stroke-width="1.6"/><path d="M62 27 q2-13 13-13 t13 13 z" fill="#b5483a"/><ellipse cx="75" cy="27.5" rx="13" ry="2.4" fill="#fffbe9"/><circle class="bulb" cx="75" cy="29" r="4.2" fill="#fffdf2"/>
    </g>`;
  const dark = `
    <g class="dark">
      <rect width="150" height="116" fill="url(#${id}-dark)"/>
      <g fill="#0b1226" opacity=".8"><rect x="14" y="44" width="30" height="60" rx="2"/><path d="M50 104 v-14 q0-6 6-6 q0-6 8-6 h34 q8 0 8 6 q6 0 6 6 v14 z"/><path d="M75 0 v14 M62 27 q2-13 13-13 t13 13 z" stroke="#0b1226" stroke-width="1.6"/><rect x="104" y="34" width="28" height="22"/></g>
      <path d="M20 116 L84 0 H104 L40 116 Z M52 116 L116 0 H123 L59 116 Z" fill="#b9ccff" opacity=".06"/>
    </g>`;
  const curtain = (d) => `<path class="curtain" d="${d}"/>`;
  return `${dark}${lit}
    ${curtain("M0 0 H24 Q20 40 14 62 Q10 82 13 116 H0 Z")}${curtain("M150 0 H126 Q130 40 136 62 Q140 82 137 116 H150 Z")}
    <path d="M8 0 Q7 60 5 116 M16 0 Q13 50 9 116 M142 0 Q143 60 145 116 M134 0 Q137 50 141 116" stroke="#000" stroke-opacity=".14" stroke-width="1.4" fill="none"/>
    <rect class="rod" x="-2" y="-1" width="154" height="4" rx="2"/>`;
}

export function windowScene(id) {
  return `<svg class="scene" viewBox="0 0 400 180" preserveAspectRatio="xMaxYMid slice" aria-hidden="true"><defs>${sky(id)}
  <linearGradient id="${id}-wall" x1="0" y1="0" x2="1" y2="1"><stop offset="0" stop-color="#3c4669"/><stop offset="1" stop-color="#262f4f"/></linearGradient>
  <radialGradient id="${id}-room" cx=".5" cy=".25" r=".95"><stop offset="0" stop-color="#fff6d5"/><stop offset=".45" stop-color="#ffdc8c"/><stop offset="1" stop-color="#f0a553"/></radialGradient>
  <linearGradient id="${id}-dark" x1="0" y1="0" x2="1" y2="1"><stop offset="0" stop-color="#1d294d"/><stop offset="1" stop-color="#0f1730"/></linearGradient>
  <linearGradient id="${id}-cone" x1="0" y1="0" x2="0" y2="1"><stop offset="0" stop-color="#fffbe0" stop-opacity=".75"/><stop offset="1" stop-color="#fffbe0" stop-opacity="0"/></linearGradient>
  <radialGradient id="${id}-glow"><stop offset="0" stop-color="#ffd27a" stop-opacity=".85"/><stop offset=".5" stop-color="#ffb454" stop-opacity=".32"/><stop offset="1" stop-color="#ffb454" stop-opacity="0"/></radialGradient>
  <clipPath id="${id}-clip"><rect width="150" height="116" rx="2"/></clipPath></defs>
  ${night(id)}
  <rect x="192" width="220" height="180" fill="url(#${id}-wall)"/><rect x="188" width="5" height="180" fill="#1b2442"/>${bricks()}
  <ellipse class="glow" cx="298" cy="84" rx="190" ry="128" fill="url(#${id}-glow)"/>
  <g transform="translate(223 22)">
    <rect x="-8" y="-8" width="166" height="132" rx="4" fill="#20294a"/><rect x="-6" y="-6" width="162" height="128" rx="3" fill="#efe8da"/>
    <g clip-path="url(#${id}-clip)">${pane(id)}</g>
    <g fill="#efe8da"><rect x="72.5" y="0" width="5" height="116"/><rect x="0" y="34" width="150" height="4"/></g>
    <rect x="-14" y="119" width="178" height="9" rx="2" fill="#f7f2e7"/><rect x="-14" y="127" width="178" height="3" fill="#1b2442" opacity=".45"/>
    <g class="cat"><path d="M104 119 q-2-18 9-22 q-3-8 1-14 l4 4 h6 l4-4 q4 7 0 14 q8 6 6 22 z"/><path d="M133 117 q12 0 10-12" fill="none" stroke-width="3.4" stroke-linecap="round"/></g>
    <g><path d="M8 119 l2-13 h20 l2 13z" fill="#b9563f"/><path class="leaf" d="M20 107 q-12-6-13-20 q11 3 13 14 q0-15 8-22 q5 12-3 20 q8-8 15-7 q-4 11-16 15z"/></g>
  </g>
  <g transform="translate(200 112)"><rect width="16" height="22" rx="2.5" fill="#dfe3ec"/><rect x="2.5" y="3" width="11" height="7" rx="1" fill="#4b5a44"/><path d="M4 7.8 h2 M7.2 7.8 h2 M10.4 7.8 h1.8" stroke="#c6e29a" stroke-width="1.6"/><circle class="led" cx="8" cy="16" r="2.3"/><path d="M8 0 V-112" stroke="#141c37" stroke-width="1.4"/></g>
  </svg>`;
}

const SPOTS = [[0, 0], [1, 0], [2, 0], [0, 1], [1, 1], [2, 1], [0, 2], [1, 2], [2, 2]];

export function controlScene(id, tenants) {
  const cells = SPOTS.map(([column, row], i) => {
    const x = 236 + column * 42, y = 34 + row * 42;
    const tenant = tenants[[4, 3, 5, 1, 7, 0, 2, 6, 8].indexOf(i)];
    const mark = tenant ? `data-tenant="${tenant.id}"` : "";
    const shade = tenant ? "" : i % 3 === 1 ? "dim warm" : "dim";
    return `<g class="cell ${shade}" ${mark} transform="translate(${x} ${y})"><ellipse class="halo" cx="14" cy="15" rx="30" ry="30" fill="url(#${id}-glow)"/><rect x="-2" y="-2" width="32" height="34" rx="2" fill="#efe8da"/><rect class="glass" width="28" height="30"/><path d="M14 0 V30 M0 12 H28" stroke="#efe8da" stroke-width="2"/></g>`;
  }).join("");
  return `<svg class="scene" viewBox="0 0 400 180" preserveAspectRatio="xMaxYMid slice" aria-hidden="true"><defs>${sky(id)}
  <linearGradient id="${id}-wall" x1="0" y1="0" x2="1" y2="1"><stop offset="0" stop-color="#46517a"/><stop offset="1" stop-color="#2b355a"/></linearGradient>
  <radialGradient id="${id}-glow"><stop offset="0" stop-color="#ffd27a" stop-opacity=".8"/><stop offset="1" stop-color="#ffb454" stop-opacity="0"/></radialGradient></defs>
  ${night(id)}
  <rect x="218" y="14" width="152" height="170" rx="3" fill="url(#${id}-wall)"/><rect x="212" y="8" width="164" height="9" rx="2" fill="#1b2442"/>
  <path d="M340 8 V-6 M334 0 h12" stroke="#1b2442" stroke-width="2"/>${cells}
  <rect x="0" y="172" width="400" height="8" fill="#141c37"/></svg>`;
}

export function paint(root, on) {
  root.dataset.power = on === true ? "on" : on === false ? "off" : "unknown";
}
