// The first screen: drop a file, choose one, paste a table, or try an example.

import { get, getText } from "./api.js";
import { button, el, filePicker, section } from "./dom.js";
import { jobRows } from "./jobs.js";
import { problemBox } from "./problem.js";
import { go, state } from "./state.js";
import { has, say } from "./words.js";

let examples = null;  // fetched once

export function begin(file) {
  state.draft = { file, reading: {}, settings: {}, report: null, error: null };
  go("#/data");
}

// A table as text, from the clipboard.
function pasted(text) {
  if (text.trim()) begin(new File([text], say("pasted_name"), { type: "text/csv" }));
}

export function startView({ signal }) {
  const drop = el("div", { class: "drop", id: "drop" },
    icon(),
    el("p", { class: "big" }, say("drop_here")),
    el("p", { class: "or" }, say("or")),
    filePicker("file", { kind: "main", onfile: begin }).node,
    el("p", { class: "hint" }, say("drop_hint")));
  receive(drop, signal);

  const text = el("textarea", { id: "paste", rows: "6", spellcheck: "false",
    placeholder: say("paste_placeholder"), "aria-label": say("paste_label") });
  const paste = el("details", { id: "paste-details" },
    el("summary", {}, say("paste_summary")), text,
    el("p", { class: "actions" }, button(say("paste_use"), () => pasted(text.value))));
  const shape = el("details", { id: "shape-details" },
    el("summary", {}, say("shape_summary")), shapes());

  const cards = el("ul", { class: "cards" });
  const recent = el("div");
  offer(cards);
  list(recent);
  return { title: "", node: [
    el("header", {}, el("h1", {}, say("start_heading")),
      el("p", { class: "lead" }, say("start_lead"))),
    drop, el("div", { class: "beside" }, shape, paste),
    section(say("examples_heading"), cards),
    recent,
    section(say("what_happens"), el("ol", { class: "steps" }, [1, 2, 3].map(n =>
      el("li", {}, el("b", {}, say(`happens_${n}`)), " ", say(`happens_${n}_text`))))),
  ] };
}

// The whole window takes a file that is dropped, and a table that is pasted.
function receive(drop, signal) {
  let depth = 0;
  const over = on => drop.classList.toggle("over", on);
  const carries = event => [...(event.dataTransfer?.types ?? [])].includes("Files");
  addEventListener("dragenter", event => { if (carries(event)) over(++depth > 0); }, { signal });
  addEventListener("dragleave", event => { if (carries(event)) over(--depth > 0); }, { signal });
  addEventListener("dragover", event => carries(event) && event.preventDefault(), { signal });
  addEventListener("drop", event => {
    if (!carries(event)) return;
    event.preventDefault();
    over(depth = 0);
    if (event.dataTransfer.files[0]) begin(event.dataTransfer.files[0]);
  }, { signal });
  addEventListener("paste", event => {
    if (event.target.closest?.("textarea, input")) return;
    const file = event.clipboardData?.files[0];
    if (file) begin(file);
    else pasted(event.clipboardData?.getData("text/plain") ?? "");
  }, { signal });
}

function shapes() {
  const one = (caption, heads, rows) => el("table", { class: "small" },
    el("caption", {}, caption),
    el("thead", {}, el("tr", {}, heads.map(head => el("th", { scope: "col" }, head)))),
    el("tbody", {}, rows.map(row => el("tr", {}, row.map(cell => el("td", {}, cell))))));
  return el("div", { class: "shapes" },
    el("p", {}, say("shape_text")),
    one(say("shape_one"), [say("col_month"), say("col_sales")],
      [["2025-01", "192.6"], ["2025-02", "197.2"], ["2025-03", "214.0"], ["…", "…"]]),
    one(say("shape_many"), [say("col_shop"), say("col_date"), say("col_visits")],
      [[say("shop_a"), "2025-01-01", "360"], [say("shop_a"), "2025-01-02", "379"],
        [say("shop_b"), "2025-01-01", "118"], ["…", "…", "…"]]));
}

async function offer(cards) {
  try {
    const told = examples ?? (await get("/v1/examples"));
    const named = (told.examples ?? told).map(one => typeof one === "string" ? one : one.name);
    examples = named.map(name => name.replace(/\.csv$/, "")).sort((a, b) => rank(a) - rank(b));
    cards.replaceChildren(...examples.map(card));
  } catch (error) {
    cards.replaceChildren(el("li", {}, problemBox(error)));
  }
}

const rank = name => ["shop_sales", "power_demand", "shop_visits"].indexOf(name) >>> 0;
const texts = new Map();

async function example(name) {
  if (!texts.has(name)) {
    texts.set(name, await getText(`/v1/examples/${encodeURIComponent(name)}.csv`));
  }
  return texts.get(name);
}

function card(name) {
  const picture = el("span", { class: "spark", "aria-hidden": "true" });
  example(name).then(text => picture.append(spark(text)), () => {});
  const told = has(`example_${name}`);
  const file = text => new File([text], `${name}.csv`, { type: "text/csv" });
  const item = el("li", {}, el("button", { type: "button", class: "card", id: `example-${name}`,
    onclick: () => example(name).then(text => begin(file(text)),
      error => item.append(problemBox(error))) },
  picture, el("b", {}, told ? say(`example_${name}`) : name),
  el("span", {}, told ? say(`example_${name}_text`) : "")));
  return item;
}

// The last values of the last column, as a line.
function spark(text) {
  const lines = text.trim().split("\n").slice(1).map(line => Number(line.split(",").at(-1)));
  const y = lines.slice(-(lines.length > 500 ? 168 : lines.length > 200 ? 70 : 108));
  const [low, high] = [Math.min(...y), Math.max(...y)];
  const points = y.map((v, i) => `${(200 * i / (y.length - 1)).toFixed(1)},`
    + (42 - 38 * (v - low) / (high - low || 1)).toFixed(1));
  return svg("0 0 200 46", "polyline", { points: points.join(" ") });
}

function icon() {
  const drawing = svg("0 0 48 48", "path", {
    d: "M8 30v8a3 3 0 0 0 3 3h26a3 3 0 0 0 3-3v-8M24 32V8M15 16l9-9 9 9" });
  drawing.setAttribute("class", "drop-icon");
  drawing.setAttribute("aria-hidden", "true");
  return drawing;
}

function svg(box, kind, attributes) {
  const space = "http://www.w3.org/2000/svg";
  const root = document.createElementNS(space, "svg");
  root.setAttribute("viewBox", box);
  root.setAttribute("preserveAspectRatio", kind === "polyline" ? "none" : "xMidYMid");
  const part = document.createElementNS(space, kind);
  for (const [key, value] of Object.entries(attributes)) part.setAttribute(key, value);
  root.append(part);
  return root;
}

async function list(place) {
  const { jobs } = await get("/v1/jobs").catch(() => ({ jobs: [] }));
  const some = jobs.slice(0, 4);
  if (!some.length || !place.isConnected) return;
  place.append(section(say("recent_heading"), jobRows(some),
    jobs.length > some.length && el("p", {}, el("a", { href: "#/jobs" }, say("recent_all")))));
}
