// The list of forecasts that the server keeps.

import { get, remove } from "./api.js";
import { announce, button, el } from "./dom.js";
import { jobTitle } from "./names.js";
import { problemBox } from "./problem.js";
import { elapsed, moment, say } from "./words.js";

export function jobRows(jobs, { onremove } = {}) {
  return el("ul", { class: "rows" }, jobs.map(job => el("li", {},
    el("a", { href: `#/job/${job.job ?? job.id}`, class: "name" }, jobTitle(job)),
    job.kind === "forecast" ? el("span") : el("span", { class: "when" }, say(`kind_${job.kind}`)),
    el("span", { class: `state ${job.state}` }, say(`state_${job.state}`)),
    el("span", { class: "when" }, moment(job.created),
      job.seconds > 0 && job.state === "done" ? ` · ${elapsed(job.seconds)}` : ""),
    onremove && !["queued", "running"].includes(job.state) && button(say("remove"),
      () => onremove(job), { class: "quiet",
        "aria-label": say("remove_named", { name: jobTitle(job) }) }))));
}

export function jobsView() {
  const place = el("div", {}, el("p", {}, say("loading")));
  const fill = async () => {
    try {
      const jobs = (await get("/v1/jobs")).jobs;
      place.replaceChildren(jobs.length ? jobRows(jobs, { onremove: async job => {
        await remove(`/v1/jobs/${job.job ?? job.id}`).catch(() => {});
        announce(say("removed_named", { name: jobTitle(job) }));
        await fill();
        document.querySelector("main h1").focus();
      } }) : el("div", { class: "empty" }, el("p", {}, say("jobs_empty")),
        el("p", {}, el("a", { href: "#/", class: "button main" }, say("new_forecast")))));
    } catch (error) {
      place.replaceChildren(problemBox(error));
    }
  };
  fill();
  return { title: say("nav_jobs"), node: [
    el("header", {}, el("h1", { tabindex: "-1" }, say("jobs_heading")),
      el("p", { class: "lead" }, say("jobs_lead"))), place] };
}
