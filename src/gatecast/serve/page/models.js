// Models that were kept under a name: forecast again, with new data or without; delete.

import { downloadPosted, get, post, remove } from "./api.js";
import { chart, lineFigure } from "./charts.js";
import { announce, button, el, field, filePicker, pairs, select } from "./dom.js";
import { modelName } from "./names.js";
import { forecastTable, valueColumns } from "./numbers.js";
import { problemBox } from "./problem.js";
import { inWords, stepName, steps } from "./time.js";
import { bytes, counted, moment, say, whole } from "./words.js";

export function modelsView({ signal }) {
  const place = el("div", {}, el("p", {}, say("loading")));
  fill(place, signal);
  return { title: say("nav_models"), node: [el("header", {},
    el("h1", { tabindex: "-1" }, say("models_heading")),
    el("p", { class: "lead" }, say("models_lead"))), place] };
}

async function fill(place, signal) {
  try {
    const { models } = await get("/v1/models", { signal });
    place.replaceChildren(models.length
      ? el("ul", { class: "models" }, models.map(model => card(model, () => fill(place, signal))))
      : el("div", { class: "empty" }, el("p", {}, say("models_empty")),
        el("p", {}, el("a", { href: "#/", class: "button main" }, say("new_forecast")))));
  } catch (error) {
    if (error.name !== "AbortError") place.replaceChildren(problemBox(error));
  }
}

function card(model, changed) {
  const { name, frequency } = model;
  const told = el("div");
  const erase = button(say("delete"), async () => {
    if (!erase.armed) {
      erase.armed = true;
      erase.textContent = say("delete_sure");
      erase.classList.add("danger");
      return;
    }
    try {
      await remove(`/v1/models/${name}`);
      announce(say("removed_named", { name }));
      await changed();
      document.querySelector("main h1").focus();
    } catch (error) {
      told.replaceChildren(problemBox(error));
    }
  }, { id: `delete-${name}`, class: "quiet", onblur: () => {
    erase.armed = false;
    erase.textContent = say("delete");
    erase.classList.remove("danger");
  } });
  return el("li", { class: "panel" },
    el("div", { class: "row" }, el("h2", {}, name), erase),
    pairs([[say("model"), modelName(model.model)], [say("frequency"), inWords(frequency)],
      [say("reaches"), steps(frequency, model.h)],
      [say("series"), model.series === undefined ? "" : whole(model.series)],
      [say("created"), moment(model.created)], [say("size"), bytes(model.bytes ?? 0)]], "facts"),
    predict(model, told), told);
}

function predict(model, told) {
  const { name } = model;
  const file = filePicker(`file-${name}`);
  const h = el("input", { type: "number", min: "1", max: String(model.h), step: "1",
    inputmode: "numeric", value: String(model.h) });
  const submit = el("button", { type: "submit", class: "main", id: `predict-${name}` },
    say("predict"));
  return el("details", { id: `predict-details-${name}` }, el("summary", {}, say("predict_summary")),
    el("form", { class: "fields", onsubmit: async event => {
      event.preventDefault();
      submit.disabled = true;
      try {
        const given = file.input.files[0];
        const body = { h: Number(h.value), ...given && await carried(given) };
        const path = `/v1/models/${name}/predict`;
        answer(await post(path, body), name, told, () =>
          downloadPosted(path, body, "text/csv", `${name}-forecast.csv`));
      } catch (error) {
        told.replaceChildren(problemBox(error));
      }
      submit.disabled = false;
    } },
    el("div", { class: "field" }, el("span", { class: "label" }, say("predict_file")), file.node,
      el("p", { class: "hint" }, say("predict_file_hint"))),
    field(`h-${name}`, say("predict_h", { unit: stepName(model.frequency) }), h),
    el("p", { class: "actions" }, submit)));
}

// A file inside a JSON body: text as it is, a workbook as base64.
async function carried(file) {
  const begin = new Uint8Array(await file.slice(0, 2).arrayBuffer());
  if (begin[0] !== 0x50 || begin[1] !== 0x4b) return { csv: await file.text() };
  const url = await new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result);
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(file);
  });
  return { xlsx: url.slice(url.indexOf(",") + 1) };
}

function answer(result, name, told, save) {
  const ids = [...new Set(result.forecast.map(row => row.unique_id))];
  const rows = id => result.forecast.filter(row => row.unique_id === id);
  const label = id => say("forecast_of", { name: id ?? name });
  const { node, show } = chart(label(ids[0]), figureOf(rows(ids[0])), { kind: "low" });
  const numbers = el("div");
  const list = id => numbers.replaceChildren(
    ...forecastTable(label(id), rows(id), result.frequency));
  list(ids[0]);
  if (ids.length > 1) {
    const options = ids.map((id, i) => [String(i), String(id)]);
    node.prepend(field(`series-${name}`, say("series"), select(options, "0", i => {
      show(label(ids[i]), figureOf(rows(ids[i])));
      list(ids[i]);
    })));
  }
  told.replaceChildren(
    el("p", { role: "status" }, say("predicted", {
      steps: steps(result.frequency, result.horizon), series: counted("series", result.series) })),
    node,
    el("details", { id: `numbers-${name}` }, el("summary", {}, say("numbers")), numbers),
    el("p", { class: "actions" }, button(say("download_csv_button"), save)));
}

// The point forecast of one series, and the ranges around it, the widest first.
function figureOf(rows) {
  const columns = valueColumns(rows);
  const point = columns.find(key => !/-(lo|hi|q)-/.test(key)) ?? columns[0];
  const levels = columns.map(key => /-lo-([\d.]+)$/.exec(key)?.[1]).filter(Boolean);
  const column = key => rows.map(row => row[key]);
  return lineFigure(say("forecast_column"), column("ds"), column(point), {
    height: 300, shade: "lstm", bands: levels.sort((a, b) => b - a).map(level => ({ level,
      low: column(`${point}-lo-${level}`), high: column(`${point}-hi-${level}`) })) });
}
