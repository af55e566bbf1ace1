// What jobs and models are called.

import { el } from "./dom.js";
import { has, say } from "./words.js";

export function jobTitle(job) {
  return job.title || say("job_untitled");
}

export function modelName(name) {
  return has(`model_${name}`) ? say(`model_${name}`) : name;
}

// What a method does, in a few words, for those who have not met it.
export function aboutModel(name) {
  const key = `about_${name}`;
  return has(key) ? el("small", { class: "about" }, say(key)) : "";
}
