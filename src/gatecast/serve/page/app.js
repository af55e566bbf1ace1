// The page: which view is seen, in which language. Each view is a function of the state; it is
// made anew when the address or the language changes, and keeps focus and what was opened.

import * as charts from "./charts.js";
import { announce, el } from "./dom.js";
import { dataView } from "./data.js";
import { jobView } from "./job.js";
import { jobsView } from "./jobs.js";
import { modelsView } from "./models.js";
import { startView } from "./start.js";
import { lang, preferred, remember, say, speak } from "./words.js";

const VIEWS = [
  [/^#\/data$/, dataView],
  [/^#\/jobs$/, jobsView],
  [/^#\/job\/([A-Za-z0-9_-]+)$/, jobView],
  [/^#\/models$/, modelsView],
];

const main = document.getElementById("content");
const language = document.getElementById("language");
let left = null;  // tells the view that was seen last that it is over

// Show the view of the address. `arrived`: the reader came from another one.
export function show({ arrived = false } = {}) {
  const focused = document.activeElement?.id;
  const atHeading = document.activeElement?.matches("main h1, main");
  const open = new Set([...main.querySelectorAll("details[open][id]")].map(one => one.id));
  left?.abort();
  left = new AbortController();
  const hash = location.hash || "#/";
  const [pattern, view] = VIEWS.find(([one]) => one.test(hash)) ?? [/()/, startView];
  const { title, node } = view({ id: pattern.exec(hash)[1], signal: left.signal, again: show });
  document.title = title ? `${title} · gatecast` : "gatecast";
  main.replaceChildren(...[node].flat());
  charts.forget();
  for (const link of document.querySelectorAll("nav a")) {
    const here = link.getAttribute("href") === hash
      || (hash === "#/data" && link.getAttribute("href") === "#/");
    if (here) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  if (arrived) scrollTo(0, 0);
  if (arrived || atHeading) {
    const heading = main.querySelector("h1") ?? main;
    heading.setAttribute("tabindex", "-1");
    heading.focus({ preventScroll: true });
  }
  if (arrived) return;
  for (const one of main.querySelectorAll("details[id]")) one.open ||= open.has(one.id);
  if (focused && document.activeElement === document.body) {
    document.getElementById(focused)?.focus({ preventScroll: true });
  }
}

async function change(to) {
  await speak(to);
  language.textContent = lang === "en" ? "中文" : "English";
  language.lang = lang === "en" ? "zh-CN" : "en";
  language.setAttribute("aria-label", lang === "en" ? "切换到中文" : "Switch to English");
}

language.addEventListener("click", async () => {
  const to = lang === "en" ? "zh" : "en";
  remember(to);
  await change(to);
  show();
  announce(say("language_changed"));
});

addEventListener("hashchange", () => show({ arrived: true }));

try {
  await change(preferred());
  show();
} catch (error) {
  main.replaceChildren(el("p", { role: "alert" }, String(error.message ?? error)));
}
