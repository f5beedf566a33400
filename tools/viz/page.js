// SPDX-License-Identifier: MIT
//
// The page's behaviour: state of all frames at a step of the slider, and the pictures of it.
// The address's fragment opens it at a place: #step=3&frame=80a3f&pid=8.
"use strict";

const data = JSON.parse(document.getElementById("data").textContent);
const COLORS = ["#eef1f4", "#5b6770", "#9aa5ae", "#8e44ad", "#d9c9a3", "#2e86de", "#f39c12",
                "#7fb8ee", "#27ae60", "#145a32", "#e84393"];
const AWAY = "#96281b";             // a page in swap only
const STATE = 0, KIND = 1, FLAGS = 2, SHARE = 3, MAPPED = 4, PINS = 5, SLOT = 6, PAGES = 7;
const FLAG_WORDS = { b: "busy", w: "being written", d: "dirty", u: "used", a: "read ahead" };
const hex = n => n.toString(16);
const $ = id => d3.select("#" + id);

let step = 0, frames = [], chosen = null, pid = null, shownAt = -1;

// ---- The frames at a step ----

function goTo(n) {
  if (n < shownAt || shownAt < 0) {
    frames = new Array(data.frames);
    shownAt = -1;
  }
  while (shownAt < n)
    for (const [pfn, f] of Object.entries(data.steps[++shownAt].set))
      frames[pfn - data.first] = f;
  step = n;
}

const snapshot = () => data.snapshots[data.steps[step].snapshot];
const frame = pfn => frames[pfn - data.first];
const pagesOf = f => f[PAGES] ? f[PAGES].split(" ") : [];

// ---- The grid ----

const columns = Math.pow(2, Math.ceil(Math.log2(Math.sqrt(data.frames))));
const rows = Math.ceil(data.frames / columns);
const cell = Math.max(3, Math.floor(704 / columns));
const MARGIN = 56;
const canvas = $("frames").attr("width", MARGIN + columns * cell).attr("height", rows * cell + 8)
  .node();

function drawFrames() {
  const c = canvas.getContext("2d"), gap = cell > 4 ? 1 : 0;
  c.clearRect(0, 0, canvas.width, canvas.height);
  c.font = "12px monospace";
  c.fillStyle = "#555";
  const every = Math.ceil(48 / cell);
  for (let row = 0; row < rows; row += every)
    c.fillText(hex(data.first + row * columns), 0, row * cell + 11);
  frames.forEach((f, i) => {
    c.fillStyle = COLORS[f[STATE]];
    c.fillRect(...placeOf(i), cell - gap, cell - gap);
  });
  const hand = snapshot().vmstat.policy_hand - data.first;
  if (chosen !== null)
    outline(c, chosen - data.first, "#000", 3);
  if (hand >= 0 && hand < data.frames) {
    const [x, y] = placeOf(hand), middle = x + cell / 2;
    outline(c, hand, "#d00", 2);
    c.fillStyle = "#d00";
    c.beginPath();
    c.moveTo(middle, y + cell);
    c.lineTo(middle - 7, y + cell + 12);
    c.lineTo(middle + 7, y + cell + 12);
    c.fill();
  }
}

function placeOf(i) {
  return [MARGIN + i % columns * cell, Math.floor(i / columns) * cell];
}

function outline(c, i, color, width) {
  const [x, y] = placeOf(i);
  c.strokeStyle = color;
  c.lineWidth = width;
  c.strokeRect(x - 1, y - 1, cell + 1, cell + 1);
}

function frameAt(event) {
  const [x, y] = d3.pointer(event, canvas);
  const column = Math.floor((x - MARGIN) / cell), row = Math.floor(y / cell);
  const i = row * columns + column;
  return column >= 0 && column < columns && i < data.frames && i >= 0 ? data.first + i : null;
}

// ---- The tooltip ----

function describe(pfn) {
  const f = frame(pfn), pages = pagesOf(f);
  if (!f)
    return `frame ${hex(pfn)} is no memory of the machine's`;
  const flags = [...f[FLAGS]].filter(x => x !== "-").map(x => FLAG_WORDS[x]);
  const more = pages.length > 12 ? ` and ${pages.length - 12} more` : "";
  return `frame ${hex(pfn)}: ${data.states[f[STATE]]}\n` +
    `kind ${f[KIND]}, flags ${flags.join(", ") || "none"}\n` +
    `share ${f[SHARE]}, mapped ${f[MAPPED]}, pins ${f[PINS]}, swap slot ${f[SLOT] ? f[SLOT].toString(16) : "none"}\n` +
    `mapped by pid:page ${pages.slice(0, 12).join(" ") || "nobody"}${more}`;
}

function showTip(text, x, y) {
  const tip = $("tip").text(text).style("display", "block");
  const width = tip.node().offsetWidth, right = scrollX + innerWidth - width - 24;
  tip.style("left", Math.min(x + 16, right) + "px").style("top", y + 16 + "px");
}

const hideTip = () => $("tip").style("display", "none");

// ---- Bars: the legend, the classes, the buddy ----

// items: [label, value, colour, text instead of the value]
function bars(id, items, { left, right = 90, height = 19, most }) {
  const svg = $(id).attr("height", items.length * height);
  const room = Math.max(60, svg.node().clientWidth - left - right);
  const x = d3.scaleLinear([0, most || d3.max(items, d => d[1]) || 1], [0, room]);
  const row = svg.selectAll("g").data(items).join(enter => {
    const g = enter.append("g");
    g.append("rect");
    g.append("text").attr("class", "label");
    g.append("text").attr("class", "value");
    return g;
  }).attr("transform", (d, i) => `translate(0,${i * height})`);
  row.select("rect").attr("x", left).attr("y", 2).attr("height", height - 4)
    .attr("width", d => Math.max(d[1] ? 2 : 0, x(d[1]))).attr("fill", d => d[2])
    .attr("stroke", "#999");
  row.select(".label").attr("x", left - 8).attr("y", height - 5).attr("text-anchor", "end")
    .text(d => d[0]);
  row.select(".value").attr("x", d => left + x(d[1]) + 6).attr("y", height - 5)
    .text(d => d[3] ?? d[1]);
}

function counts() {
  const n = new Array(data.states.length).fill(0);
  for (const f of frames)
    n[f[STATE]]++;
  return n;
}

function drawLegend() {
  const n = counts();
  bars("legend", data.states.map((s, i) => [s, n[i], COLORS[i]]), { left: 230 });
  $("legend").selectAll(".swatch").data(COLORS).join("rect").attr("class", "swatch")
    .attr("x", 0).attr("y", (d, i) => i * 19 + 3).attr("width", 13).attr("height", 13)
    .attr("fill", d => d).attr("stroke", "#777");
}

function drawClasses() {
  const now = snapshot().vmstat, rows = [];
  ["(0,0)", "(0,1)", "(1,0)", "(1,1)"].forEach((name, i) => {
    rows.push([`${name} seen`, now[`policy_seen_class_${i}`], "#b7cde2"]);
    rows.push(["taken", now[`policy_victims_class_${i}`], "#c0392b"]);
  });
  bars("classes", rows, { left: 100, height: 17 });
}

function drawBuddy() {
  const blocks = snapshot().buddy;
  bars("buddy", blocks.map((n, order) => [`${order}: ${4 << order} KiB`, n << order, "#95a5a6",
    `${n} block${n === 1 ? "" : "s"}, ${n << order} frames`]), { left: 100, right: 180, height: 17 });
}

// ---- Swap ----

function drawSwap() {
  const size = d3.sum(snapshot().swaps, s => +s[2] / 4), alone = new Set(), both = new Set();
  for (const p of snapshot().processes)
    for (const [, where] of p.entries)
      if (where < 0)
        alone.add(-1 - where);
  for (const f of frames)
    if (f[SLOT])
      both.add(f[SLOT] & 0xffffff);
  const last = Math.max(511, ...alone, ...both), wide = 96, side = 5;
  const node = $("swap").attr("width", wide * side)
    .attr("height", Math.ceil((Math.min(last, 4095) + 1) / wide) * side).node();
  const c = node.getContext("2d");
  for (let slot = 0; slot <= Math.min(last, 4095); slot++) {
    c.fillStyle = both.has(slot) ? COLORS[7] : alone.has(slot) ? AWAY : "#eef1f4";
    c.fillRect(slot % wide * side, Math.floor(slot / wide) * side, side - 1, side - 1);
  }
  $("swapped").text(size ? `of ${size}: dark red ${alone.size} only there, ` +
    `light blue ${both.size} in memory too` : "no swap");
}

// ---- Looking up ----

const hash = (pid, page, size) =>
  (Math.imul(pid, 0x9e3779b1) ^ Math.imul(page & 0xffffffff, 0x85ebca6b)) >>> 8 & size - 1;

// => how many frames, or entries of a chain, are looked at until (pid, page) is found
function probes(key) {
  const size = Math.pow(2, Math.ceil(Math.log2(data.frames))), [who, page] = key.split(":");
  const bucket = hash(+who, parseInt(page, 16), size);
  let linear = 0, hashed = 0;
  for (const f of frames) {
    const pages = pagesOf(f);
    linear++;
    for (const other of pages) {
      const [p, v] = other.split(":");
      hashed += hash(+p, parseInt(v, 16), size) === bucket;
    }
    if (pages.includes(key))
      return { linear, hashed };
  }
  return null;
}

function drawProbes() {
  const key = chosen !== null && frame(chosen) && pagesOf(frame(chosen))[0];
  const n = key && probes(key);
  $("probes").attr("height", 0).selectAll("g").remove();
  if (!n) {
    $("asked").text(chosen === null ? "Click a frame that is mapped, or a leaf of a page table."
                                    : `Frame ${hex(chosen)}: nobody maps it.`);
    return;
  }
  $("asked").text(`Process ${key.split(":")[0]}, page ${key.split(":")[1]}: frame ${hex(chosen)}`);
  bars("probes", [["linear search", n.linear, "#c0392b", `${n.linear} frames looked at`],
                  ["hash table", n.hashed, "#27ae60", `${n.hashed} looked at`]],
       { left: 100, right: 180, most: data.frames });
}

// ---- Page tables ----

const SIDE = 6, ACROSS = 64, LEAF_HEIGHT = 512 / ACROSS * SIDE;

function treeOf(process) {
  const root = { name: "root table", children: [] }, middle = new Map(), leaf = new Map();
  for (const [page, where] of process.entries) {
    const high = Math.floor(page / 262144), low = Math.floor(page / 512);
    if (!middle.has(high)) {
      middle.set(high, { name: `[${high}]`, children: [] });
      root.children.push(middle.get(high));
    }
    if (!leaf.has(low)) {
      leaf.set(low, { name: `[${low % 512}]`, first: low * 512, entries: [] });
      middle.get(high).children.push(leaf.get(low));
    }
    leaf.get(low).entries.push([page, where]);
  }
  return root;
}

function drawTables() {
  const all = snapshot().processes.filter(p => p.entries.length);
  const biggest = all.reduce((a, b) => b.entries.length > a.entries.length ? b : a, all[0]);
  const process = all.find(p => p.pid === pid) || biggest;
  $("process").selectAll("option").data(all, p => p.pid).join("option")
    .attr("value", p => p.pid).property("selected", p => p === process)
    .text(p => `${p.pid} ${p.name}: ${p.entries.length} pages`);
  const layout = d3.tree().nodeSize([LEAF_HEIGHT + 14, 190]).separation(() => 1);
  const root = layout(d3.hierarchy(treeOf(process))), nodes = root.descendants();
  const top = d3.min(nodes, d => d.x) - LEAF_HEIGHT / 2 - 8;
  const svg = d3.select("#tree svg").attr("width", 2 * 190 + 380 + ACROSS * SIDE)
    .attr("height", d3.max(nodes, d => d.x) - top + LEAF_HEIGHT / 2 + 10);
  svg.selectAll("*").remove();
  const g = svg.append("g").attr("transform", `translate(6,${-top})`);
  g.selectAll("path").data(root.links()).join("path").attr("fill", "none").attr("stroke", "#888")
    .attr("d", d3.link(d3.curveBumpX).x(d => d.y).y(d => d.x)
      .source(d => ({ x: d.source.x, y: d.source.y + 110 })).target(d => d.target));
  const node = g.selectAll("g").data(nodes).join("g")
    .attr("transform", d => `translate(${d.y},${d.x})`);
  node.append("rect").attr("y", -15).attr("width", 110).attr("height", 30).attr("rx", 4)
    .attr("fill", "#efe6f4").attr("stroke", COLORS[3]);
  node.append("text").attr("x", 55).attr("y", 5).attr("text-anchor", "middle").text(d =>
    d.depth ? `entry ${d.data.name}` : d.data.name);
  node.filter(d => d.data.entries).each(drawLeaf);
}

function drawLeaf(d) {
  const g = d3.select(this).append("g").attr("transform", `translate(130,${-LEAF_HEIGHT / 2})`);
  g.append("rect").attr("width", ACROSS * SIDE).attr("height", LEAF_HEIGHT)
    .attr("fill", "#f6f7f8").attr("stroke", "#888");
  g.append("text").attr("x", ACROSS * SIDE + 10).attr("y", LEAF_HEIGHT / 2 + 5)
    .text(`from ${hex(d.data.first * 4096)}: ${d.data.entries.length} used`);
  g.selectAll(".page").data(d.data.entries).join("rect").attr("class", "page")
    .attr("x", e => e[0] % ACROSS * SIDE).attr("y", e => Math.floor(e[0] % 512 / ACROSS) * SIDE)
    .attr("width", SIDE - 1).attr("height", SIDE - 1)
    .attr("fill", e => e[1] < 0 ? AWAY : COLORS[frame(e[1]) ? frame(e[1])[STATE] : 1])
    .on("mousemove", (event, e) => showTip(`page ${hex(e[0])}, address ${hex(e[0] * 4096)}\n` +
      (e[1] < 0 ? `in swap, slot ${(-1 - e[1]).toString(16)}` : describe(e[1])), event.pageX, event.pageY))
    .on("mouseout", hideTip)
    .on("click", (event, e) => { if (e[1] >= 0) choose(e[1]); });
}

// ---- All together ----

function drawHead() {
  const s = data.steps[step];
  const what = Object.entries(s.events).filter(([name]) => /frame|map|evict/.test(name))
    .map(([name, n]) => `${n} ${name.replace("frame_", "")}`).join(", ");
  const lost = s.lost ? `, ${s.lost} events lost` : "";
  $("slider").property("value", step);
  $("when").text(`${s.time.toFixed(3)} s: ` + (s.exact
    ? `snapshot ${s.snapshot + 1} of ${data.snapshots.length} (${s.wrong} not as traced${lost})`
    : what || "events"));
}

function draw() {
  [drawHead, drawFrames, drawLegend, drawClasses, drawBuddy, drawSwap, drawProbes, drawTables]
    .forEach(f => f());
}

function show(n) {
  goTo(Math.max(0, Math.min(data.steps.length - 1, n)));
  hideTip();
  draw();
}

function choose(pfn) {
  chosen = pfn;
  drawFrames();
  drawProbes();
}

function open() {
  const at = new URLSearchParams(location.hash.slice(1));
  const given = parseInt(at.get("frame"), 16), n = parseInt(at.get("step") ?? "0", 10);
  pid = at.has("pid") ? +at.get("pid") : pid;
  show(n || 0);
  if (frame(given)) {
    const [x, y] = placeOf(given - data.first), box = canvas.getBoundingClientRect();
    choose(given);
    showTip(describe(given), box.left + scrollX + x, box.top + scrollY + y);
  }
}

$("shape").text(`${data.frames} of 4 KiB, ${columns} in a row`);
$("slider").attr("max", data.steps.length - 1).on("input", event => show(+event.target.value));
$("back").on("click", () => show(step - 1));
$("on").on("click", () => show(step + 1));
$("process").on("change", event => { pid = +event.target.value; drawTables(); });
d3.select(canvas).on("mousemove", event => {
  const pfn = frameAt(event);
  pfn === null ? hideTip() : showTip(describe(pfn), event.pageX, event.pageY);
}).on("mouseout", hideTip).on("click", event => {
  const pfn = frameAt(event);
  if (pfn !== null)
    choose(pfn);
});
window.addEventListener("hashchange", open);
open();
