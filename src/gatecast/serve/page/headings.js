// The headings of a text file, for the choice of columns; the server's own word beats these.

export async function headingsOf(file) {
  const begin = new Uint8Array(await file.slice(0, 65536).arrayBuffer());
  if (begin[0] === 0x50 && begin[1] === 0x4b) return [];  // a workbook: only the server knows
  const wide = begin[0] === 0xff && begin[1] === 0xfe ? "utf-16le"
    : begin[0] === 0xfe && begin[1] === 0xff ? "utf-16be" : "utf-8";
  const [line = ""] = new TextDecoder(wide).decode(begin).split(/\r?\n/).filter(one => one.trim());
  const separator = [",", ";", "\t", "|"].reduce((best, one) =>
    cells(line, one).length > cells(line, best).length ? one : best);
  return cells(line, separator).map(one => one.trim()).filter(one => one && one.length < 200)
    .slice(0, 200);
}

// Quotation marks keep separators inside a cell.
function cells(line, separator) {
  const found = [""];
  let quoted = false;
  for (const letter of line) {
    if (letter === '"') quoted = !quoted;
    else if (letter === separator && !quoted) found.push("");
    else found[found.length - 1] += letter;
  }
  return found;
}
