// What was understood of a file, what the doctor found in it, and how far to forecast.

import { Problem, form, get, post } from "./api.js";
import { chart, lineFigure } from "./charts.js";
import { announce, button, el, field, pairs, section, select, spinner } from "./dom.js";
import { headingsOf } from "./headings.js";
import { aboutModel, modelName } from "./names.js";
import { forPage, lead, problemBox } from "./problem.js";
import { go, state } from "./state.js";
import { after, dateInWords, inWords, season, stepName, steps, usualHorizon } from "./time.js";
import { bytes, counted, has, lang, listed, say, prose, sentences, whole } from "./words.js";

// What the server calls the methods, and what the results do.
const MODELS = { lstm: "LSTM", eslstm: "ESLSTM", ensemble: "Ensemble",
  "holt-winters": "HoltWinters", theta: "Theta", naive: "Naive",
  "seasonal-naive": "SeasonalNaive", drift: "Drift", naive2: "Naive2" };
const MANY = 5;  // places of a finding that are seen at once

export function dataView({ again }) {
  const { draft } = state;
  if (!draft) {
    queueMicrotask(() => go("#/"));
    return { title: "", node: el("p", {}, say("loading")) };
  }
  const name = draft.file.name;
  const stale = !draft.error && draft.report?.asked !== lang;
  if (stale && !draft.checking) check(draft, again);
  const head = el("header", { "aria-busy": String(Boolean(draft.checking)) },
    el("h1", { tabindex: "-1", class: "filename" }, name),
    el("p", { class: "under" }, bytes(draft.file.size), " · ",
      el("a", { href: "#/" }, say("other_file"))),
    draft.report && draft.checking && el("p", { class: "waiting" }, spinner(), say("checking")));
  if (draft.error) {
    return { title: name, node: [400, 413, 415, 422].includes(draft.error.status)
      ? [head, problemBox(draft.error, say("unreadable")), reading(draft, again, true),
        el("p", {}, say("unreadable_help"))]
      : [head, problemBox(draft.error, say("unchecked")), el("p", { class: "actions" },
        button(say("try_again"), () => reread(draft, again, {}), { id: "try-again" }))] };
  }
  if (!draft.report) {
    return { title: name, node: [head, el("p", { class: "waiting" }, spinner(), say("checking"))] };
  }
  const { report } = draft;
  const blocked = !report.ok;
  const seen = section(say("understood"), understood(draft), preview(draft));
  const found = findings(draft, again);
  return { title: name, node: blocked
    ? [head, found, seen, reading(draft, again, true)]
    : [head, seen, reading(draft, again, false), found, ask(draft, again)] };
}

async function check(draft, again) {
  draft.checking = true;
  const asked = lang;
  try {
    await requireSize(draft.file);
    draft.headings ??= await headingsOf(draft.file);
    const report = await post("/v1/check", form(draft.file, { ...draft.reading, lang: asked }));
    draft.report = { ...report, asked };
    draft.error = null;
    if (report.understood.headings?.length) draft.headings = report.understood.headings;
    const n = report.findings.length;
    announce(sentences(inSummary(draft), report.ok ? say("nothing_stops")
      : say("stops"), n ? say("see_findings", { n }) : ""));
  } catch (error) {
    Object.assign(draft, { error, report: null });
  }
  draft.checking = false;
  if (state.draft === draft && location.hash === "#/data") again();
}

// A server that refuses a body may hang up before it is all sent, and then says nothing.
async function requireSize(file) {
  const { limits } = await get("/healthz");
  const most = limits.max_megabytes;
  if (file.size > most * 1e6) {
    throw new Problem(413, { problem: say("too_large", { most: `${most} MB` }),
      value: bytes(file.size), fix: say("too_large_fix") });
  }
}

// Read the file again, otherwise.
function reread(draft, again, changes) {
  Object.assign(draft.reading, changes);
  draft.error = null;
  if (draft.report) draft.report.asked = null;
  again();
}

function facts({ report }) {
  const { columns, headings, preview } = report.understood;
  const { frequency, series, values, first, last, season_length: season } = report;
  // Of a table with a column a series, no heading is what the server calls its columns.
  const wide = headings?.length === 0 && columns.id !== undefined;
  return { columns: wide ? {} : columns, wide, preview, frequency, series, values, first, last,
    season };
}

function inSummary(draft) {
  const { series, frequency, first, last, values } = facts(draft);
  if (!series) return say("no_series");
  return say(series === 1 ? "summary_one" : "summary_many", { series: counted("series", series),
    every: inWords(frequency), values: counted("value", values),
    first: dateInWords(first, frequency), last: dateInWords(last, frequency) });
}

function understood(draft) {
  const { columns, wide, frequency, series, season: m } = facts(draft);
  if (!series) return el("p", { class: "lead" }, say("no_series"));
  return [el("p", { class: "lead" }, inSummary(draft)),
    pairs(wide ? [[say("layout"), say("layout_wide")], [say("season"), season(frequency, m)]] : [
      [say("column_time"), columns.time ?? say("column_none_time")],
      [say("column_target"), columns.target],
      [say("column_id"), columns.id ?? say("column_none_id")],
      [say("season"), season(frequency, m)],
    ], "facts")];
}

function preview(draft) {
  const { preview: drawn, series, columns } = facts(draft);
  if (!drawn.length) return null;
  const figure = one => lineFigure(one.unique_id, one.ds, one.y, { height: 240,
    unit: columns.target ?? "" });
  const label = one => say("preview_label", { name: one.unique_id });
  const { node, show } = chart(label(drawn[0]), figure(drawn[0]), { kind: "low" });
  if (series > 1) {
    node.prepend(field("preview-series", say("series"), select(
      drawn.map((one, i) => [String(i), String(one.unique_id)]), "0",
      i => show(label(drawn[i]), figure(drawn[i])))));
    if (series > drawn.length) {
      node.append(el("p", { class: "hint" },
        say("preview_some", { n: drawn.length, all: whole(series) })));
    }
  }
  return node;
}

// How the file is read: columns first, then what is seldom needed.
function reading(draft, again, open) {
  const { columns } = draft.report ? facts(draft) : { columns: {} };
  const given = draft.reading;
  const set = key => value => reread(draft, again, { [key]: value });
  const typed = (key, hint) => field(key, say(`choose_${key}`), el("input", { type: "text",
    value: given[key] ?? "", spellcheck: "false", autocomplete: "off",
    onchange: event => set(key)(event.target.value.trim()) }), hint);
  const column = (key, found) => {
    const names = [...new Set([...(draft.headings ?? []), found].filter(Boolean))];
    const automatic = found && !given[key] ? say("automatic_named", { name: found })
      : say("automatic");
    if (!names.length) return typed(key);
    return field(key, say(`choose_${key}`), select([["", automatic],
      ...names.map(one => [one, one])], given[key], set(key)));
  };
  const choice = (key, values) => field(key, say(`choose_${key}`), select(
    values.map(value => [value, say(`${key}_${value || "default"}`)]), given[key], set(key)));
  return el("details", { id: "reading", class: "panel", open },
    el("summary", {}, say("reading_summary")),
    el("div", { class: "fields" },
      column("time_col", columns.time), column("target_col", columns.target),
      column("id_col", columns.id)),
    el("details", { id: "reading-more" }, el("summary", {}, say("reading_more")),
      el("div", { class: "fields" },
        choice("duplicates", ["", "mean", "sum", "last"]),
        choice("fill", ["", "interpolate", "zero"]),
        choice("dayfirst", ["", "true"]),
        choice("decimal", ["", ".", ","]),
        choice("sep", ["", ",", ";", "tab", "|"]),
        typed("freq", say("freq_hint")),
        choice("resample", ["", "sum", "mean", "last", "max", "min"]),
        /\.xls[xm]$/i.test(draft.file.name) && typed("sheet"))));
}

function findings(draft, again) {
  const { findings: all } = draft.report;
  const groups = new Map();
  for (const finding of all) {
    const key = `${finding.severity} ${finding.code} ${finding.message}`;
    groups.set(key, [...(groups.get(key) ?? []), finding]);
  }
  const blocked = !draft.report.ok;
  const heading = blocked ? say("findings_blocked") : say("findings");
  if (!groups.size) {
    return section(heading, el("p", { class: "box good" }, say("findings_none")));
  }
  const rank = one => ["error", "warning", "info"].indexOf(one[0].severity);
  const sorted = [...groups.values()].sort((a, b) => rank(a) - rank(b));
  const grave = sorted.filter(one => one[0].severity !== "info");
  const light = sorted.filter(one => one[0].severity === "info");
  const list = some => el("ul", { class: "findings" },
    some.map(group => finding(group, draft, again)));
  return section(heading,
    blocked && el("p", { class: "box error", role: "alert" }, say("blocked_lead")),
    !grave.length && el("p", { class: "box good" }, say("findings_light")),
    grave.length > 0 && list(grave),
    light.length > 0 && (blocked || light.length > 2
      ? el("details", { id: "findings-light" }, el("summary", {},
        say("findings_notes", { n: light.length })), list(light))
      : list(light)));
}

function finding(group, draft, again) {
  const [{ severity, code, message, fix }] = group;
  const several = facts(draft).series > 1;
  const places = group.map(({ series, where }) => [several ? series : null, forPage(where)]
    .filter(Boolean).join(": ")).filter(Boolean);
  const own = `fix_${code}`;
  const advice = has(own) ? say(own) : forPage(fix);
  return el("li", { class: severity },
    el("p", { class: "what" }, severity !== "info" && [el("span", { class: `badge ${severity}` },
      say(`severity_${severity}`)), " "], prose(forPage(message))),
    places.length > 0 && el("ul", { class: "places" },
      places.slice(0, MANY).map(place => el("li", {}, place)),
      places.length > MANY && el("li", {}, say("places_more", { n: places.length - MANY }))),
    advice && el("p", { class: "advice" }, lead("to_do"), prose(advice)),
    remedies(code, draft, again));
}

// What the page itself can do about a finding, one press each.
function remedies(code, draft, again) {
  const options = {
    duplicate: [["duplicates", "sum"], ["duplicates", "mean"], ["duplicates", "last"]],
    "bad-stamp": [["dayfirst", "true"]],
    text: [["decimal", ","], ["decimal", "."]],
    gap: [["fill", "interpolate"], ["fill", "zero"]],
  }[code];
  if (!options) return null;
  return el("p", { class: "actions" }, options.map(([key, value]) => button(
    say(`remedy_${key}_${value}`), () => reread(draft, again, { [key]: value }),
    { id: `remedy-${code}-${value}` })));
}

function ask(draft, again) {
  const { frequency, last, season: m, series, values } = facts(draft);
  const { settings } = draft;
  if (!draft.typed) settings.h = usualHorizon(frequency, values / Math.max(series, 1));
  const until = el("output", { for: "h", id: "until" });
  const wrong = el("div");
  const submit = el("button", { type: "submit", class: "main large", id: "forecast" });
  const valid = () => Number.isInteger(settings.h) && settings.h >= 1;
  const tell = () => {
    const end = valid() && after(last, frequency, settings.h);
    until.textContent = end ? say("until", { date: dateInWords(end, frequency) })
      : valid() ? "" : say("h_wrong");
    submit.textContent = valid() ? say("forecast_steps", { steps: steps(frequency, settings.h) })
      : say("forecast");
  };
  const h = el("input", { type: "number", id: "h", min: "1", step: "1", required: true,
    inputmode: "numeric", value: String(settings.h), "aria-describedby": "until",
    oninput: event => { settings.h = event.target.valueAsNumber; draft.typed = true; tell(); } });
  tell();
  const onsubmit = async event => {
    event.preventDefault();
    submit.disabled = true;
    wrong.replaceChildren();
    try {
      const { models, ...plainly } = settings;
      const sent = { ...draft.reading, ...plainly, models: (models ?? []).join(","), lang };
      const { job } = await post("/v1/forecast", form(draft.file, sent));
      go(`#/job/${job}`);
    } catch (error) {
      wrong.replaceChildren(problemBox(error, say("cannot_forecast")));
    }
    submit.disabled = false;
  };
  return section(say("how_far"), el("form", { class: "ask", onsubmit },
    el("div", { class: "horizon" },
      el("label", { for: "h" }, say("h_label")), h,
      el("span", { class: "unit" }, stepName(frequency)), until),
    advanced(settings, m),
    wrong,
    el("p", { class: "actions" }, submit)));
}

function advanced(settings, m) {
  const number = (key, attributes) => el("input", { type: "number", inputmode: "numeric",
    value: settings[key] ?? "", oninput: event => { settings[key] = event.target.value; },
    ...attributes });
  const chosen = new Set(settings.models ?? []);
  const told = el("output", { class: "hint" });
  const summary = () => {
    told.textContent = chosen.size
      ? say("models_chosen", { models: listed([...chosen].map(one => modelName(MODELS[one]))) })
      : say("models_auto");
  };
  summary();
  const choose = one => event => {
    if (event.target.checked) chosen.add(one);
    else chosen.delete(one);
    settings.models = [...chosen];
    summary();
  };
  const boxes = Object.entries(MODELS).map(([one, name]) => el("label", { class: "check" },
    el("input", { type: "checkbox", id: `model-${one}`, checked: chosen.has(one),
      onchange: choose(one) }),
    el("span", {}, modelName(name), " ", aboutModel(name))));
  return el("details", { id: "advanced" }, el("summary", {}, say("advanced")),
    el("div", { class: "fields" },
      field("season_length", say("choose_season_length"), number("season_length",
        { min: "1", placeholder: String(m ?? "") }), say("season_length_hint")),
      field("level", say("choose_level"), el("input", { type: "text", value: settings.level ?? "",
        placeholder: "80, 95", autocomplete: "off",
        oninput: event => { settings.level = event.target.value.replace(/[\s%]/g, ""); } }),
      say("level_hint")),
      field("budget", say("choose_budget"), number("budget", { min: "1" }), say("budget_hint")),
      field("seed", say("choose_seed"), number("seed", { min: "0", placeholder: "0" }),
        say("seed_hint"))),
    el("fieldset", {}, el("legend", {}, say("choose_models")), told,
      el("div", { class: "checks" }, boxes)),
    el("label", { class: "check" }, el("input", { type: "checkbox", id: "calendar",
      checked: settings.calendar ?? false,
      onchange: event => { settings.calendar = event.target.checked; } }),
    el("span", {}, say("choose_calendar"))));
}
