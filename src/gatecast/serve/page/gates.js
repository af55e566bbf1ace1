// What the network forgets, stores and focuses on: the figure, the sentences, a slider over time.

import { get } from "./api.js";
import { chart, sortable } from "./charts.js";
import { el, pairs, section, spinner, table } from "./dom.js";
import { problemBox } from "./problem.js";
import { lang, percent, prose, say, whole } from "./words.js";

const MOST_UNITS = 40;

export function gatesSection(job, signal) {
  const place = el("div", {}, el("p", { class: "waiting" },
    spinner(), say("drawing")));
  const node = section(say("gates"), el("p", {}, say("gates_lead")), place);
  node.id = "gates";
  fill(job, place, signal);
  return node;
}

// Only a network has gates, and only where one was tested.
async function fill(job, place, signal) {
  const none = () => place.replaceChildren(el("p", { class: "box" }, say("gates_none")));
  if (!job.result.leaderboard?.some(row => row.model.startsWith("LSTM"))) return none();
  let told;
  try {
    told = await get(`/v1/jobs/${job.job}/gates?lang=${lang}`, { signal });
  } catch (error) {
    if (error.status === 404) none();
    else if (error.name !== "AbortError") place.replaceChildren(problemBox(error));
    return;
  }
  if (signal.aborted) return;
  const figure = chart(say("gates"), told.figure, { kind: "gates", ready: plot => follow(plot) });
  const { node: moments, follow } = slider(told.readouts, figure);
  place.replaceChildren(
    el("ul", { class: "plain sentences" }, told.sentences.map(one => el("li", {}, prose(one)))),
    figure.node, moments,
    el("p", { class: "hint wide" }, prose(told.under)),
    el("details", { id: "gates-how" }, el("summary", {}, say("gates_how")),
      pairs(told.how.map(([name, what]) => [name, prose(what)]), "reasons")),
    el("details", { id: "gates-units" }, el("summary", {}, say("gates_units")), units(told)));
}

// Move through time: a line through all parts of the figure, and in words what happens there.
function slider({ name, places, said, rows, start }, figure) {
  const output = el("output", { for: "moment" });
  const list = el("dl", { class: "reasons" });
  const input = el("input", { type: "range", id: "moment", min: "0", step: "1",
    max: String(places.length - 1), value: String(start), oninput: () => read() });
  const read = () => {
    const at = input.valueAsNumber;
    input.setAttribute("aria-valuetext", said[at]);
    output.textContent = said[at];
    list.replaceChildren(...rows.map(([term, texts]) => el("div", {}, el("dt", {}, term),
      el("dd", {}, prose(texts[at])))));
    figure.mark(places[at]);
  };
  read();
  const where = places.map(sortable);
  const follow = plot => plot.on("plotly_hover", ({ points }) => {
    const at = where.indexOf(sortable(points[0].x));
    if (at < 0 || at === input.valueAsNumber) return;
    input.value = String(at);
    read();
  });
  return { follow, node: el("div", { class: "slider" },
    el("p", {}, el("label", { for: "moment" }, name), " ", output), input, list) };
}

function units({ units: all }) {
  const memory = one => one.memory_length ?? Infinity;
  const rows = [...all].sort((a, b) => memory(b) - memory(a)).slice(0, MOST_UNITS);
  return [table(say("gates_units"), [say("unit"), say("remembers"), say("role"),
    say("gate_forget"), say("gate_input"), say("gate_output")],
  rows.map(one => [one.name, one.memory, one.role_name, ...[one.forget, one.input, one.output].map(
    share => percent(share))]), { numeric: [3, 4, 5], rowKind: "stamp" }),
  all.length > rows.length && el("p", { class: "hint" },
    say("units_more", { n: rows.length, all: whole(all.length) }))].filter(Boolean);
}
