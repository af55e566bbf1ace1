// Charts: drawn by plotly from /assets, in the colours of the screen, and drawn again when the
// screen, the paper or the language changes.

import { el } from "./dom.js";
import { lang, say } from "./words.js";

const night = matchMedia("(prefers-color-scheme: dark)");
const narrow = matchMedia("(width < 40rem)");
const touch = matchMedia("(pointer: coarse)").matches;
const drawn = new Set();

// Figures come in the light colours; look.json says what each is on a dark screen.
const look = await (await fetch("/assets/look.json")).json();
export const colour = name => look.light[name];

function inDark(value, key) {
  if (Array.isArray(value)) return value.map(item => inDark(item, key));
  if (value && typeof value === "object") {
    return Object.fromEntries(Object.entries(value).map(([k, item]) => [k, inDark(item, k)]));
  }
  return typeof value === "string" && /color(scale)?$/i.test(key)
    && Object.hasOwn(look.dark, value.slice(0, 7))
    ? look.dark[value.slice(0, 7)] + value.slice(7)  // what follows is how far it is seen through
    : value;
}

let loading = null;
function plotly() {
  loading ??= new Promise((resolve, reject) => {
    document.head.append(el("script", { src: "/assets/plotly.js", onload: () => resolve(),
      onerror: () => { loading = null; reject(new Error(say("error_plotly"))); } }));
  });
  return loading;
}

function locale() {
  const own = look.locales[lang];
  if (own) window.Plotly.register(own);
  return own?.name ?? "en";
}

export const sortable = x => typeof x !== "string" ? x
  : x.length === 10 ? `${x}T00` : x.replace(" ", "T");

// Where the figure asks for it, the y axis follows what the x axis shows.
function follow(plot) {
  return moved => {
    if (!plot.layout.meta?.fit || !Object.keys(moved).some(key => key.startsWith("xaxis.range"))
        || Object.keys(moved).some(key => key.startsWith("yaxis"))) return;
    const [from, to] = plot.layout.xaxis.range.map(sortable);
    let low = Infinity;
    let high = -Infinity;
    for (const { x, y, visible } of plot.data) {
      if (visible === "legendonly" || !x) continue;
      x.forEach((at, i) => {
        if (y[i] === null || at === null || sortable(at) < from || sortable(at) > to) return;
        low = Math.min(low, y[i]);
        high = Math.max(high, y[i]);
      });
    }
    const room = (high - low) * 0.06 || Math.abs(high) * 0.06 || 1;
    if (low <= high) window.Plotly.relayout(plot, { "yaxis.range": [low - room, high + room] });
  };
}

let printed = false;

// Once plotly is there it draws at once: paper does not wait.
function draw(chart) {
  if (!window.Plotly) return plotly().then(() => draw(chart));
  if (!chart.plot.isConnected) return Promise.resolve();
  let { data, layout } = structuredClone(chart.figure);
  if (night.matches && !printed) ({ data, layout } = inDark({ data, layout }, ""));
  layout.uirevision = chart.label;  // the same chart in other colours keeps the reader's zoom
  if (printed) Object.assign(layout, { width: 660, height: layout.height ?? 300 });
  if (layout.height) chart.plot.style.height = `${layout.height}px`;
  if (chart.moment) Object.assign(layout.shapes.at(-1), { x0: chart.moment, x1: chart.moment });
  for (const trace of narrow.matches && !printed ? data : []) {  // there is room for less
    if (trace.mode === "lines+markers" && trace.x?.length > 60) trace.mode = "lines";
    if (trace.visible === "legendonly") trace.showlegend = false;
  }
  if (touch) layout.dragmode = false;  // a finger on a chart scrolls the page
  const done = window.Plotly.react(chart.plot, data, layout, {
    responsive: true, displaylogo: false, showSendToCloud: false, plotlyServerURL: "",
    showLink: false, modeBarButtonsToRemove: ["select2d", "lasso2d"], locale: locale(),
    toImageButtonOptions: { filename: "gatecast", scale: 2 },
    displayModeBar: narrow.matches || printed || chart.plain ? false : "hover",
  });
  if (!chart.following) {
    chart.following = true;
    chart.plot.on("plotly_relayout", follow(chart.plot));
    chart.ready?.(chart.plot);
  }
  return done;
}

// A figure with its name for those who cannot see it; `show` draws another in its place.
export function chart(label, figure, { kind = "", ready } = {}) {
  const plot = el("div", { class: "plot" });
  const node = el("figure", { role: "group", "aria-label": label, class: kind }, plot);
  const one = { plot, label, figure, ready, plain: kind === "low" };
  drawn.add(one);
  const show = (name, other) => {
    Object.assign(one, { label: name, figure: other });
    node.setAttribute("aria-label", name);
    return draw(one).catch(error => { plot.textContent = error.message; });
  };
  queueMicrotask(() => show(label, figure));
  return { node, plot, show, mark: x => mark(one, x) };
}

// Move the figure's last shape, a line, to a moment; once a frame, however fast it moves.
function mark(one, x) {
  const waits = one.moment !== one.marked;
  one.moment = x;
  if (!waits) requestAnimationFrame(() => {
    one.marked = one.moment;
    const last = (one.plot.layout?.shapes?.length ?? 0) - 1;
    if (last < 0) return;
    window.Plotly.relayout(one.plot, { [`shapes[${last}].x0`]: one.moment,
      [`shapes[${last}].x1`]: one.moment });
  });
}

export function forget() {
  for (const one of drawn) if (!one.plot.isConnected) {
    window.Plotly?.purge(one.plot);
    drawn.delete(one);
  }
}

const redraw = () => drawn.forEach(one => draw(one));
night.addEventListener("change", redraw);
narrow.addEventListener("change", redraw);
for (const [event, now] of [["beforeprint", true], ["afterprint", false]]) {
  addEventListener(event, () => {
    printed = now;
    redraw();
  });
}

// An empty figure that looks like those of the reports.
export function blank(data, { height = null, unit = "" } = {}) {
  const axis = { gridcolor: colour("grid"), linecolor: colour("grid"), zeroline: false,
    automargin: true, tickfont: { size: 12 } };
  const font = getComputedStyle(document.documentElement).getPropertyValue("--font");
  return { data, layout: {
    paper_bgcolor: colour("paper"), plot_bgcolor: colour("paper"),
    font: { family: font, size: 13, color: colour("text") },
    margin: { l: 48, r: 16, t: 16, b: 24 }, hovermode: "x unified", showlegend: data.length > 1,
    hoverlabel: { bgcolor: colour("paper"), bordercolor: colour("grid") },
    legend: { orientation: "h", x: 0, y: 1.02, yanchor: "bottom" },
    xaxis: axis, yaxis: { ...axis, title: { text: unit, font: { size: 13 }, standoff: 8 } },
    ...(height ? { height } : {}),
  } };
}

// Plotly reads a part of HTML, and what is in the data is text.
const asText = text => String(text).replace(/[&<>]/g, one => `&#${one.charCodeAt()};`);

// The one chart that the page makes itself: a line, and where there are some, bands around it.
export function lineFigure(name, x, y, { bands = [], shade = "truth", unit = "", height } = {}) {
  const data = bands.flatMap(({ level, low, high }) => [
    { x, y: low, mode: "lines", line: { width: 0 }, hoverinfo: "skip", showlegend: false },
    { x, y: high, mode: "lines", line: { width: 0 }, fill: "tonexty", name: `${level} %`,
      fillcolor: `${colour(shade)}2c`, hoverinfo: "skip" },
  ]);
  data.push({ x, y, name: asText(name), mode: x.length > 60 ? "lines" : "lines+markers",
    marker: { size: 5, color: colour(shade) }, line: { color: colour(shade), width: 1.8 } });
  return blank(data, { unit: asText(unit), height });
}
