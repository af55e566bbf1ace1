// What the views share.

// `draft` is the file that is being looked at: {file, reading, settings, report, error, headings}.
export const state = { draft: null };

// Go to a view; to the one that is seen too, which is then made anew.
export function go(hash) {
  if (location.hash === hash) dispatchEvent(new HashChangeEvent("hashchange"));
  else location.hash = hash;
}
