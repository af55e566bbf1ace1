// What the page says, in the language of the reader, and how numbers and dates are written there.

const KEY = "gatecast-language";
export const LANGUAGES = { en: "en-GB", zh: "zh-CN" };

let words = {};
export let lang = "en";

export function preferred() {
  const kept = localStorage.getItem(KEY);
  return kept in LANGUAGES ? kept : /^zh\b/i.test(navigator.language) ? "zh" : "en";
}

export async function speak(language) {
  const response = await fetch(`/assets/words.${language}.json`);
  words = await response.json();
  lang = language;
  document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
  for (const element of document.querySelectorAll("[data-say]")) {
    element.textContent = say(element.dataset.say);
  }
  for (const element of document.querySelectorAll("[data-label]")) {
    element.setAttribute("aria-label", say(element.dataset.label));
  }
}

export function remember(language) {
  localStorage.setItem(KEY, language);
}

export function has(key) {
  return key in words;
}

export function say(key, parts = {}) {
  const text = words[key] ?? key;
  return text.replace(/\{(\w+)\}/g, (whole, name) => name in parts ? parts[name] : whole);
}

// "1 month", "12 months": `what` is month, row, series, ...
export function counted(what, n) {
  return say(n === 1 ? `${what}_1` : `${what}_n`, { n: whole(n) });
}

export function listed(items) {
  return new Intl.ListFormat(LANGUAGES[lang], { type: "conjunction" }).format(items);
}

export function sentences(...parts) {
  return parts.filter(Boolean).join(lang === "zh" ? "" : " ");
}

export function whole(n) {
  return new Intl.NumberFormat(LANGUAGES[lang]).format(n).replace("-", "−");
}

// Three digits, as the report writes them.
export function plain(value, like = value) {
  if (typeof value !== "number" || !Number.isFinite(value)) return "–";
  const size = Math.abs(like);
  if (Math.abs(value) >= 1e9 || (size > 0 && size < 0.001)) {
    return value.toPrecision(2).replace("-", "−");
  }
  const decimals = size ? Math.min(Math.max(2 - Math.floor(Math.log10(size)), 0), 4) : 2;
  return new Intl.NumberFormat(LANGUAGES[lang], { minimumFractionDigits: decimals,
    maximumFractionDigits: decimals }).format(value).replace("-", "−");
}

export function percent(share, decimals = 0, signed = false) {
  if (typeof share !== "number" || !Number.isFinite(share)) return "–";
  const number = 100 * share;
  const text = number.toFixed(decimals).replace("-", "−");
  return `${signed && number > 0 ? "+" : ""}${text}\u00a0%`;
}

export function bytes(n) {
  return n < 1e6 ? `${whole(Math.max(1, Math.round(n / 1e3)))} kB`
    : `${plain(n / 1e6, 1)} MB`;
}

// Seconds as they pass: "8 s", "2:05".
export function elapsed(seconds) {
  const s = Math.max(0, Math.floor(seconds));
  return s < 60 ? say("seconds_short", { n: s })
    : `${Math.floor(s / 60)}:${String(s % 60).padStart(2, "0")}`;
}

// Text of the server's, with numbers and their per cent signs kept on one line.
export function prose(text) {
  return String(text ?? "").replace(/(\d) %/g, "$1\u00a0%").replaceAll(" ± ", "\u00a0±\u00a0");
}

// A moment of the server: ISO text, or seconds since 1970.
export function moment(at) {
  const date = typeof at === "number" ? new Date(at * 1000) : new Date(at);
  return Number.isNaN(date.getTime()) ? "" : new Intl.DateTimeFormat(LANGUAGES[lang],
    { dateStyle: "medium", timeStyle: "short" }).format(date);
}
