/** Cutting a YAML text into documents, and large lists into items, by its lines alone; lines and columns. */

/** From 1, as editors count. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** A stretch of a file: its text and the number (from 0) of its first line there. */
export interface Part {
  readonly text: string;
  readonly firstLine: number;
}

const MARKER = /^(?:---|\.\.\.)(?=[ \t\r\n]|$)|^%/gm;

/** Cuts at `---` and `...` lines. A file with `%` directives stays whole, for the complete reader. */
export function splitDocuments(text: string): Part[] {
  const parts: Part[] = [];
  let start = 0;
  let firstLine = 0;
  let line = 0;
  let counted = 0;
  MARKER.lastIndex = 0;
  for (let found = MARKER.exec(text); found !== null; found = MARKER.exec(text)) {
    if (found[0] === "%") return [{ text, firstLine: 0 }];
    line += countLines(text, counted, found.index);
    counted = found.index;
    if (found.index > start) parts.push({ text: text.slice(start, found.index), firstLine });
    // What follows "---" on its line belongs to the document; the marker itself is blanked to keep its columns.
    start = found.index;
    firstLine = line;
    const rest = text.indexOf("\n", found.index);
    const lineEnd = rest < 0 ? text.length : rest;
    if (/^(?:---|\.\.\.)[ \t\r]*(?:#.*)?$/.test(text.slice(found.index, lineEnd))) {
      start = Math.min(lineEnd + 1, text.length);
      firstLine = line + 1;
    }
  }
  if (start < text.length) parts.push({ text: text.slice(start), firstLine });
  return parts;
}

function countLines(text: string, from: number, to: number): number {
  let lines = 0;
  for (let at = text.indexOf("\n", from); at >= 0 && at < to; at = text.indexOf("\n", at + 1)) lines += 1;
  return lines;
}

/** Cuts a document at the `- ` lines below a top-level `items:`; the frame is what is left, with an empty list. */
export function cutItems(
  part: Part,
): { readonly frame: string; readonly offset: number; readonly items: readonly Part[] } | undefined {
  const { text } = part;
  const head = /^items: *\n(?=- )/m.exec(text);
  if (head === null) return undefined;
  const items: Part[] = [];
  let line = part.firstLine + countLines(text, 0, head.index) + 1;
  const offset = head.index + head[0].length;
  let start = offset;
  const edge = /^(?! )(?=[^\n])/gm;
  edge.lastIndex = start + 1;
  for (let found = edge.exec(text); ; found = edge.exec(text)) {
    const end = found?.index ?? text.length;
    if (found !== null && text.charCodeAt(end) === 35) {
      edge.lastIndex = end + 1;
      continue;
    }
    items.push({ text: text.slice(start, end), firstLine: line });
    line += countLines(text, start, end);
    start = end;
    if (found === null || !text.startsWith("- ", end)) break;
    edge.lastIndex = end + 1;
  }
  return { frame: `${text.slice(0, head.index)}items: []\n${text.slice(start)}`, offset, items };
}

/** From 1, counting columns in UTF-16 units. */
export function lineAndColumn(text: string, offset: number): Position {
  const lineStart = offset === 0 ? 0 : text.lastIndexOf("\n", offset - 1) + 1;
  return { line: countLines(text, 0, lineStart) + 1, column: offset - lineStart + 1 };
}
