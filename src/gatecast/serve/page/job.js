// One job: its progress while it runs, its result when it is done. It lives on the server, so that
// its address can be opened again at any time.

import { get, listen, remove } from "./api.js";
import { announce, button, el, spinner } from "./dom.js";
import { jobTitle, modelName } from "./names.js";
import { problemBox } from "./problem.js";
import { backtestNodes, resultNodes } from "./result.js";
import { state } from "./state.js";
import { elapsed, has, say } from "./words.js";

const ENDED = new Set(["done", "failed", "cancelled", "interrupted"]);
let seen = null;  // the job that is looked at, so that a change of language need not fetch it

export function jobView({ id, signal, again }) {
  if (seen?.job !== id) seen = null;
  if (!seen) {
    fetchJob(id, again, signal);
    return { title: "", node: el("p", { class: "waiting" },
      spinner(), say("loading")) };
  }
  if (seen.missing) {
    const gone = seen.missing.status === 404;
    return { title: say("job_missing"), node: [el("header", {},
      el("h1", { tabindex: "-1" }, say("job_missing")),
      gone && el("p", { class: "lead" }, say("job_missing_why"))),
    gone ? null : problemBox(seen.missing), next()].filter(Boolean) };
  }
  const title = jobTitle(seen);
  if (seen.state === "done") {
    return { title, node: seen.kind === "backtest" ? backtestNodes(seen)
      : resultNodes(seen, signal) };
  }
  if (ENDED.has(seen.state)) return { title, node: ended(seen) };
  return { title, node: running(seen, signal, again) };
}

async function fetchJob(id, again, signal) {
  try {
    seen = await get(`/v1/jobs/${id}`, { signal });
    seen.job ??= id;
  } catch (error) {
    if (error.name === "AbortError") return;
    seen = { job: id, missing: error };
  }
  if (!signal.aborted) again();
}

function ended(job) {
  const told = { failed: "job_failed", cancelled: "job_cancelled",
    interrupted: "job_interrupted" }[job.state];
  const error = job.error && { message: job.error.problem, ...job.error };
  return [el("header", {}, el("h1", { tabindex: "-1" }, jobTitle(job)),
    el("p", { class: "lead" }, say(told))), error && problemBox(error), next()].filter(Boolean);
}

function next() {
  return el("p", { class: "actions" },
    state.draft && el("a", { href: "#/data", class: "button main" }, say("back_to_data")),
    el("a", { href: "#/", class: state.draft ? "button" : "button main" }, say("new_forecast")));
}

// "Backtesting Theta" is one of a kind of stage, with a name in it.
function stageInWords(stage) {
  if (!stage) return say("stage_begin");
  if (has(`stage_${stage}`)) return say(`stage_${stage}`);
  const [kind, ...name] = stage.split(" ");
  return has(`stage_${kind}`) ? say(`stage_${kind}`, { name: modelName(name.join(" ")) }) : stage;
}

function running(job, signal, again) {
  const bar = el("progress", { max: "1", id: "progress", "aria-labelledby": "stage" });
  const stage = el("p", { class: "stage", id: "stage" });
  const clock = el("p", { class: "clock" });
  const wrong = el("div");
  const began = performance.now() - 1000 * (job.seconds ?? 0);
  let said = "";
  const told = now => {
    if (signal.aborted) return;
    Object.assign(job, now);
    if (ENDED.has(job.state)) return;
    const { progress = {} } = job;
    const waits = job.state === "queued" && (job.position ?? progress.position ?? 0) > 0;
    const text = job.state === "queued"
      ? (waits ? say("queued_behind", { n: job.position ?? progress.position }) : say("queued"))
      : stageInWords(progress.stage);
    stage.textContent = text;
    if (text !== said) announce(text);
    said = text;
    if (job.state === "running" && progress.fraction > 0) bar.value = progress.fraction;
    else bar.removeAttribute("value");
  };
  const tick = () => {
    clock.textContent = say("elapsed", { time: elapsed((performance.now() - began) / 1000) });
  };
  tick();
  const timer = setInterval(tick, 1000);
  signal.addEventListener("abort", () => clearInterval(timer));
  told({});
  watch(job.job, told, signal).then(async () => {
    if (signal.aborted) return;
    await fetchJob(job.job, () => {}, signal);
    if (signal.aborted) return;
    announce(say(`announce_${seen.state}`));
    again({ arrived: true });
  });
  const cancel = button(say("cancel"), async () => {
    cancel.disabled = true;
    try {
      await remove(`/v1/jobs/${job.job}`);
    } catch (error) {
      cancel.disabled = false;
      wrong.replaceChildren(problemBox(error));
    }
  }, { id: "cancel" });
  return [el("header", {}, el("h1", { tabindex: "-1" }, jobTitle(job))),
    el("section", { class: "box progress", "aria-label": say("progress") },
      stage, bar, el("div", { class: "row" }, clock, cancel), wrong),
    el("p", { class: "hint" }, say("may_leave"))];
}

// Follow a job until it has ended, however often the stream breaks off.
async function watch(id, told, signal) {
  for (let wait = 300; !signal.aborted; wait = Math.min(2 * wait, 5000)) {
    try {
      let last = null;
      await listen(`/v1/jobs/${id}/events`, now => { wait = 300; told(last = now); }, signal);
      if (last && ENDED.has(last.state)) return;
      if (ENDED.has((await get(`/v1/jobs/${id}`, { signal })).state)) return;
    } catch (error) {
      if (signal.aborted || error.status === 404) return;
    }
    await new Promise(resolve => { setTimeout(resolve, wait); });
  }
}
