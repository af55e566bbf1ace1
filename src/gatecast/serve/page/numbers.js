// The rows of a forecast as a table.

import { el, table } from "./dom.js";
import { dateInWords } from "./time.js";
import { plain, say, whole } from "./words.js";

const MOST = 60;

// "forecast" and its bounds, "forecast-lo-80"; what names and dates the rows is left out.
export function valueColumns(rows) {
  return Object.keys(rows[0] ?? {}).filter(key => !["unique_id", "ds"].includes(key));
}

export function forecastTable(label, rows, frequency) {
  const columns = valueColumns(rows);
  const sizes = rows.map(row => Math.abs(row[columns[0]])).filter(size => size > 0);
  const like = Math.max(Math.min(...sizes, 1e9), 1e-2) / 10;  // one digit more than the leaderboard
  const heading = column => {
    const bound = /-(lo|hi)-([\d.]+)$/.exec(column);
    return bound ? say(`bound_${bound[1]}`, { level: bound[2] }) : say("forecast_column");
  };
  return [table(label, [say("when"), ...columns.map(heading)],
    rows.slice(0, MOST).map(row => [dateInWords(row.ds, frequency, "short"),
      ...columns.map(column => plain(row[column], like))]),
    { numeric: columns.map((_, i) => i + 1), rowKind: "stamp" }),
  rows.length > MOST && el("p", { class: "hint" },
    say("numbers_more", { n: MOST, all: whole(rows.length) }))].filter(Boolean);
}
