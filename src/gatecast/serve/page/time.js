// Frequencies in words, sensible horizons, and where a horizon ends.

import { LANGUAGES, counted, has, lang, say } from "./words.js";

const UNITS = {
  s: ["second", 60], min: ["minute", 60], h: ["hour", 48], D: ["day", 14], B: ["businessday", 10],
  W: ["week", 13], MS: ["month", 12], ME: ["month", 12], BMS: ["month", 12], BME: ["month", 12],
  QS: ["quarter", 8], QE: ["quarter", 8], YS: ["year", 5], YE: ["year", 5],
};

// "15min" is every 15 minutes, "W-SUN" every week; a bare number means whole-number stamps.
export function parse(frequency) {
  const found = /^(\d*)([A-Za-z]*)/.exec(frequency ?? "");
  const every = Number(found[1] || 1);
  const [unit, usual] = UNITS[found[2]] ?? ["step", 12];
  return { every, unit, usual: every > 1 ? Math.max(1, Math.round(usual / every)) : usual };
}

export function inWords(frequency) {
  if (!frequency) return say("every_unknown");
  const { every, unit } = parse(frequency);
  if (unit === "step") return has(`every_${frequency}`) ? say(`every_${frequency}`)
    : say("every_step");
  return every === 1 ? say(`every_${unit}`) : say("every_n", { what: counted(unit, every) });
}

export function steps(frequency, n) {
  const { every, unit } = parse(frequency);
  return counted(every === 1 ? unit : "step", n);
}

export function stepName(frequency) {
  const { every, unit } = parse(frequency);
  return say(`unit_${every === 1 ? unit : "step"}`);
}

// A season of the usual kind has a name: 12 months are a year.
export function season(frequency, length) {
  if (!length || length === 1) return say("season_none");
  const { every, unit } = parse(frequency);
  const name = { "hour 24": "day", "hour 168": "week", "day 7": "week", "businessday 5": "week",
    "month 12": "year", "quarter 4": "year", "week 52": "year" }[`${unit} ${length * every}`];
  const told = counted(every === 1 ? unit : "step", length);
  return name ? say("season_named", { steps: told, name: say(`period_${name}`) }) : told;
}

// No more than a quarter of the history can be tested well.
export function usualHorizon(frequency, values) {
  return Math.max(1, Math.min(parse(frequency).usual, Math.floor(values / 4) || 1));
}

// Stamps are read on the clock that wrote them: a time zone changes nothing here.
function wallClock(stamp) {
  const found = /^(\d{4})-(\d\d)(?:-(\d\d))?(?:[T ](\d\d):(\d\d)(?::(\d\d))?)?/.exec(stamp);
  if (!found) return null;
  const [, year, month, day = 1, hour = 0, minute = 0, second = 0] = found.map(
    (part, i) => i && part !== undefined ? Number(part) : part);
  return new Date(Date.UTC(year, month - 1, day, hour, minute, second));
}

export function after(last, frequency, n) {
  const date = wallClock(String(last));
  const { every, unit } = parse(frequency);
  if (!date || unit === "step") return null;
  const moved = new Date(date);
  const many = n * every;
  const months = { month: 1, quarter: 3, year: 12 }[unit];
  if (months) {
    const end = /^(ME|QE|YE|BME)/.test(frequency.replace(/^\d+/, ""));
    moved.setUTCDate(1);
    moved.setUTCMonth(moved.getUTCMonth() + months * many + (end ? 1 : 0));
    if (end) moved.setUTCDate(0);
  } else if (unit === "businessday") {
    for (let left = many; left > 0;) {
      moved.setUTCDate(moved.getUTCDate() + 1);
      if (moved.getUTCDay() % 6) left -= 1;
    }
  } else {
    const seconds = { second: 1, minute: 60, hour: 3600, day: 86400, week: 604800 }[unit];
    moved.setTime(moved.getTime() + many * seconds * 1000);
  }
  return moved;
}

export function dateInWords(date, frequency, month = "long") {
  if (!(date instanceof Date)) date = wallClock(String(date)) ?? date;
  if (!(date instanceof Date)) return String(date);
  const { unit } = parse(frequency);
  const options = { timeZone: "UTC", year: "numeric" };
  if (unit !== "year") options.month = month;
  if (!["year", "month", "quarter"].includes(unit)) options.day = "numeric";
  if (["second", "minute", "hour"].includes(unit)) {
    Object.assign(options, { hour: "2-digit", minute: "2-digit" });
  }
  return new Intl.DateTimeFormat(LANGUAGES[lang], options).format(date);
}
