// Errors as a reader needs them: what is wrong, what was found, what to do.

import { el } from "./dom.js";
import { lang, say } from "./words.js";

// Hints for the terminal are of no use here, and settings have names that can be read.
export function forPage(text) {
  return (text ?? "").replace(/\s*[(（][^()（）]*-(?:-[a-z]|h )[^()（）]*[)）]/g, "")
    .replace(/\s+([.,;])/g, "$1")
    .replace(/\b(id_col|time_col|target_col|season_length|sep)\b=?/g,
      (whole, name) => say("quoted", { what: say(`choose_${name}`) }));
}

// Chinese has no space after its colon.
export function lead(key) {
  return [el("b", {}, say(key)), lang === "zh" ? "" : " "];
}

export function problemBox(error, heading = "") {
  const value = error.value && error.value !== "None" ? String(error.value) : "";
  const rows = Array.isArray(error.rows) ? error.rows.join(", ") : "";
  return el("div", { class: "box error", role: "alert" },
    heading && el("h2", {}, heading),
    el("p", { class: "what" }, forPage(error.message)),
    (value || rows) && el("p", { class: "found" }, lead("found"),
      el("span", {}, (value || rows).slice(0, 400))),
    error.fix && el("p", {}, lead("to_do"), forPage(error.fix)));
}
