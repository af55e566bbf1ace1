// A finished forecast: the verdict, the charts and numbers, the gates, and what to take away.

import { download, get, post } from "./api.js";
import { chart } from "./charts.js";
import { announce, button, el, field, pairs, section, select, spinner, table } from "./dom.js";
import { gatesSection } from "./gates.js";
import { aboutModel, jobTitle, modelName } from "./names.js";
import { forecastTable } from "./numbers.js";
import { forPage, problemBox } from "./problem.js";
import { state } from "./state.js";
import { dateInWords, season, steps } from "./time.js";
import { counted, lang, percent, plain, prose, say, sentences, whole } from "./words.js";

export function resultNodes(job, signal) {
  const { result } = job;
  const verdict = el("p", { class: "lead verdict", id: "verdict" }, verdictOf(job));
  const drawn = el("div", { class: "drawn" }, waiting());
  const byStep = el("div", { class: "halves" });
  const decided = el("div");
  fillFigures(job, { verdict, drawn, byStep, decided }, signal);
  return [
    el("header", {},
      el("p", { class: "kicker" }, say(result.series === 1 ? "result_kicker_one"
        : "result_kicker", { steps: steps(result.frequency, result.horizon),
        series: counted("series", result.series) })),
      el("h1", { tabindex: "-1" }, jobTitle(job)), verdict, glance(job)),
    section(say("the_forecast"), drawn),
    downloads(job),
    result.leaderboard?.length > 0 && leaderboard(result),
    byStep,
    gatesSection(job, signal),
    decided,
    keep(job),
    el("p", { class: "actions end" },
      state.draft && el("a", { href: "#/data", class: "button" }, say("other_settings")),
      el("a", { href: "#/", class: "button" }, say("new_forecast"))),
  ].filter(Boolean);
}

// What was made over the REST door: forecasts of the past, and how good they were.
export function backtestNodes(job) {
  const { result } = job;
  return [el("header", {},
    el("p", { class: "kicker" }, say("backtest_kicker", {
      steps: steps(result.frequency, result.horizon), n: whole(result.windows) })),
    el("h1", { tabindex: "-1" }, jobTitle(job))),
  leaderboard({ ...result, leaderboard: result.scores }), downloads(job),
  section(say("notes"), el("ul", { class: "plain" }, result.notes.map(note =>
    el("li", {}, prose(forPage(note))))))].slice(0, result.notes.length ? 4 : 3);
}

function waiting() {
  return el("p", { class: "waiting" }, spinner(),
    say("drawing"));
}

// In the language of the one who asked for the forecast; the figures bring it in the reader's.
function verdictOf({ result: { verdict } }) {
  return prose(verdict?.text);
}

function glance({ result }) {
  const row = result.leaderboard?.find(one => one.model === result.chosen) ?? {};
  const last = result.forecast?.at(-1)?.ds;
  return pairs([
    [say("glance_model"), modelName(result.chosen)],
    [say("glance_until"), last === undefined ? "" : dateInWords(last, result.frequency)],
    [say("glance_skill"), row.skill === undefined ? "" : percent(row.skill)],
    [say("glance_held"), row.coverage_90 === undefined ? "" : percent(row.coverage_90, 0)],
  ].filter(([, value]) => value !== "–"), "glance");
}

async function fillFigures(job, { verdict, drawn, byStep, decided }, signal) {
  let told;
  try {
    told = await get(`/v1/jobs/${job.job}/figures?lang=${lang}`, { signal });
  } catch (error) {
    if (error.name !== "AbortError") drawn.replaceChildren(problemBox(error));
    return;
  }
  if (signal.aborted) return;
  const said = typeof told.verdict === "string" ? told.verdict : told.verdict?.text;
  if (said) verdict.textContent = prose(said);
  decided.replaceChildren(...decisions({ ...job.result, ...told }));
  drawn.replaceChildren(...seriesCharts(job.result, told));
  for (const key of ["by_step", "calibration"].filter(one => told[one])) {
    const means = say(`${key}_means`, { model: modelName(job.result.chosen) });
    byStep.append(section(say(key), el("p", {}, means), chart(say(key), told[key]).node));
  }
}

function seriesCharts(result, { series }) {
  const label = one => [one.unique_id, one.role ? say(`role_${one.role}`) : "",
    typeof one.mase === "number" ? `MASE ${plain(one.mase)}` : ""].filter(Boolean).join(" · ");
  const numbers = el("div");
  const list = one => numbers.replaceChildren(...forecastTable(
    say("numbers_of", { name: one.unique_id }),
    result.forecast.filter(row => row.unique_id === undefined
      || String(row.unique_id) === String(one.unique_id)), result.frequency));
  const { node, show } = chart(label(series[0]), series[0].figure, { kind: "tall" });
  if (series.length > 1) {
    node.prepend(field("series", say("series"), select(series.map((one, i) =>
      [String(i), label(one)]), "0", i => {
      show(label(series[i]), series[i].figure);
      list(series[i]);
    })));
  }
  list(series[0]);
  const many = result.series > series.length;
  return [el("p", {}, sentences(say("chart_ahead"), say("chart_bands"))), node,
    el("p", { class: "hint" }, sentences(
      many ? say("chart_some", { n: series.length, all: whole(result.series) }) : "",
      say("chart_past"))),
    el("details", { id: "numbers" }, el("summary", {}, say("numbers")), numbers)];
}

const COLUMNS = ["mase", "skill", "smape", "rmse", "pinball", "coverage_90", "seconds"];

function leaderboard(result) {
  const { leaderboard: rows, chosen } = result;
  const explained = el("p", { class: "box explained", id: "explained", role: "status" });
  const buttons = [];
  const head = key => {
    const one = button([say(`score_${key}`), el("span", { class: "what-is", "aria-hidden": "true" },
      "?")], () => {
      const open = one.getAttribute("aria-expanded") === "true";
      for (const other of buttons) other.setAttribute("aria-expanded", "false");
      one.setAttribute("aria-expanded", String(!open));
      explained.replaceChildren(...open ? [] : [el("b", {}, say(`score_${key}`)), " ",
        say(`score_${key}_means`, { season: season(result.frequency, result.season_length) })]);
    }, { class: "explain", id: `explain-${key}`, "aria-expanded": "false",
      "aria-controls": "explained", title: say("explain_column") });
    buttons.push(one);
    return one;
  };
  const columns = COLUMNS.filter(key => key in rows[0]);
  const cells = {};
  for (const key of columns) {
    const sizes = rows.map(row => Math.abs(row[key])).filter(size => size > 0 && size < 1e9);
    const like = sizes.length ? Math.min(...sizes) : 1;
    cells[key] = row => key === "skill" ? percent(row[key], 1, true)
      : key === "coverage_90" ? percent(row[key], 1)
        : plain(row[key], key === "seconds" ? 1 : like);
  }
  const name = row => el("span", {}, modelName(row.model), " ",
    row.model === chosen && el("span", { class: "mark" }, say("chosen")), aboutModel(row.model));
  return section(say("leaderboard"), el("p", {}, say("leaderboard_lead")),
    table(say("leaderboard"), [say("model"), ...columns.map(head)],
      rows.map(row => [name(row), ...columns.map(key => cells[key](row))]),
      { numeric: columns.map((_, i) => i + 1), marked: rows.findIndex(r => r.model === chosen) }),
    explained);
}

function decisions({ decisions: list = [], notes = [] }) {
  return [list.length > 0 && section(say("decisions"), el("p", {}, say("decisions_lead")),
    pairs(list.map(([what, why]) => [prose(what), prose(why)]), "reasons")),
  notes.length > 0 && section(say("notes"), el("ul", { class: "plain" },
    notes.map(note => el("li", {}, prose(forPage(note))))))].filter(Boolean);
}

export function stem(job) {
  return (job.title || "gatecast").replace(/\.(csv|tsv|txt|xlsx|xlsm|gz)$/gi, "") || "gatecast";
}

function downloads(job) {
  const wrong = el("div");
  const offer = (id, path, name) => id in job.links && button([el("b", {}, say(`download_${id}`)),
    el("span", {}, say(`download_${id}_text`))], async () => {
    wrong.replaceChildren();
    try {
      await download(`/v1/jobs/${job.job}/${path}`, `${stem(job)}-${name}`);
      announce(say("downloaded", { name: `${stem(job)}-${name}` }));
    } catch (error) {
      wrong.replaceChildren(problemBox(error));
    }
  }, { class: "card", id: `download-${id}` });
  return section(say("downloads"), el("div", { class: "downloads" },
    offer("xlsx", "forecast.xlsx", "forecast.xlsx"),
    offer("csv", "forecast.csv", "forecast.csv"),
    offer("report", `report.html?lang=${lang}`, "report.html"),
    offer("model", "model.safetensors", "model.safetensors")), wrong);
}

function keep(job) {
  const told = el("div", { role: "status" });
  const usual = stem(job).normalize("NFKD").replace(/[^A-Za-z0-9_-]+/g, "-")
    .replace(/^[-_]+|-+$/g, "").slice(0, 64);
  const name = el("input", { type: "text", value: usual, required: true, maxlength: "64",
    pattern: "[A-Za-z0-9][A-Za-z0-9_\\-]{0,63}", spellcheck: "false", autocomplete: "off" });
  const submit = el("button", { type: "submit", id: "keep" }, say("keep"));
  return section(say("keep_heading"), el("p", {}, say("keep_lead")),
    el("form", { class: "inline", onsubmit: async event => {
      event.preventDefault();
      submit.disabled = true;
      try {
        await post("/v1/models", { name: name.value, job: job.job });
        told.replaceChildren(el("p", { class: "box good" }, say("kept", { name: name.value }), " ",
          el("a", { href: "#/models" }, say("kept_link"))));
      } catch (error) {
        told.replaceChildren(problemBox(error));
      }
      submit.disabled = false;
    } }, field("model-name", say("model_name"), name, say("model_name_hint")), submit), told);
}
