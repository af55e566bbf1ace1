// Elements, made in one line each. Text is always text: nothing is ever parsed as HTML.

import { say } from "./words.js";

export function el(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (key in element && typeof value !== "string") element[key] = value;
    else element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.flat(9).filter(child => child !== null && child !== undefined
    && child !== false && child !== ""));
  return element;
}

export function section(heading, ...children) {
  return el("section", {}, el("h2", {}, heading), ...children);
}

export function pairs(list, kind = "") {
  return el("dl", { class: kind }, list.filter(([, value]) => value || value === 0).map(
    ([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value))));
}

export function button(text, onclick, attributes = {}) {
  return el("button", { type: "button", onclick, ...attributes }, text);
}

// A table that scrolls sideways in its own box where the screen is narrow.
export function table(label, headings, rows, { numeric = [], marked = -1, rowKind } = {}) {
  const kind = i => numeric.includes(i) ? "n" : undefined;
  return el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": label },
    el("table", {},
      el("thead", {}, el("tr", {}, headings.map((heading, i) =>
        el("th", { scope: "col", class: kind(i) }, heading)))),
      el("tbody", {}, rows.map((row, r) => el("tr", { class: r === marked ? "marked" : undefined },
        row.map((cell, i) => i === 0 ? el("th", { scope: "row", class: rowKind }, cell)
          : el("td", { class: kind(i) }, cell)))))));
}

export function field(id, label, control, hint) {
  control.id = id;
  if (hint) control.setAttribute("aria-describedby", `${id}-hint`);
  return el("div", { class: "field" }, el("label", { for: id }, label), control,
    hint && el("p", { class: "hint", id: `${id}-hint` }, hint));
}

export function select(options, value, onchange) {
  return el("select", { onchange: event => onchange(event.target.value) },
    options.map(([key, text]) => el("option", { value: key, selected: key === (value ?? "") },
      text)));
}

const READABLE = ".csv,.tsv,.txt,.xlsx,.xlsm,.gz,text/csv,text/tab-separated-values,"
  + "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";

// A button that asks for a file, in the page's own language; the file's name stands beside it.
export function filePicker(id, { kind = "", onfile } = {}) {
  const name = el("output", { for: id, class: "hint" });
  const input = el("input", { type: "file", id, class: "hidden-input", accept: READABLE,
    onchange: () => {
      name.textContent = input.files[0]?.name ?? "";
      if (input.files[0]) onfile?.(input.files[0]);
    } });
  return { input, node: el("span", { class: "file" }, input,
    el("label", { for: id, class: `button ${kind}` }, say("choose_file")), name) };
}

export function spinner() {
  return el("span", { class: "spinner", "aria-hidden": "true" });
}

// Tell those who listen instead of looking.
export function announce(text) {
  document.getElementById("announcer").textContent = text;
}
