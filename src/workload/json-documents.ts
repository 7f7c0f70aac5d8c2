/** The documents of a file: JSON of any size as a stream, YAML and small JSON as one text. */
import type { FileSource } from "./files.js";
import { TEXT_LENGTH_MAX } from "./json-cutter.js";
import { readJsonStream } from "./json-stream.js";
import { Problems } from "./problems.js";
import { readYaml, type YamlDocument } from "./yaml.js";

/** Smaller files are read as one, which also finds keys written twice. */
const STREAMED_LENGTH_MIN = 20_000_000;

/**
 * The documents of a file; `itemOf` tells those that are the items of a long list. What cannot be read, or not to its end,
 * is a problem.
 */
export function* readDocuments(
  file: string,
  from: FileSource,
  problems: Problems,
  streamedLengthMin = STREAMED_LENGTH_MIN,
): Generator<YamlDocument, void, undefined> {
  if (from.readChunks === undefined) {
    const text = from.readFile(file);
    if (text === undefined) problems.addFileError(file, "expected a file that can be read");
    else yield* readText(text, file, problems);
    return;
  }
  const chunks = from.readChunks(file);
  if (chunks === undefined) {
    problems.addFileError(file, "expected a file that can be read");
    return;
  }
  const pieces = whatCanBeRead(chunks, file, problems);
  const head: Uint8Array[] = [];
  let length = 0;
  let isWhole = false;
  const gather = (lengthMax: number): void => {
    while (!isWhole && length < lengthMax) {
      const { done, value } = pieces.next();
      isWhole = done === true;
      if (isWhole || value === undefined) return;
      head.push(value.slice());
      length += value.length;
    }
  };
  gather(streamedLengthMin);
  if (!isWhole && startsAsJson(head)) {
    yield* readJsonStream(headAndRest(head, pieces), file, problems, {
      reread: (offset, length) => textOf(from.readChunks?.(file, { offset, length })),
    });
    return;
  }
  gather(TEXT_LENGTH_MAX);
  if (!isWhole) {
    pieces.return();
    problems.addFileError(file, "expected YAML of less than 512 MB (JSON may be of any size)");
    return;
  }
  yield* readText(textOf(head) ?? "", file, problems);
}

/** YAML or JSON; also JSON objects one after the other with nothing between them, which is no YAML. */
function readText(text: string, file: string, problems: Problems): Iterable<YamlDocument> {
  if (/^\s*\{/.test(text.slice(0, 1000)) && /\}\s*\{/.test(text)) {
    const mistakes = new Problems();
    const bytes = new TextEncoder().encode(text);
    const reread = (offset: number, length: number): string | undefined =>
      textOf([bytes.subarray(offset, offset + length)]);
    const documents = [...readJsonStream([bytes], file, mistakes, { reread })];
    if (mistakes.count === 0) return documents;
  }
  return readYaml(text, file, problems);
}

function* whatCanBeRead(
  chunks: Iterable<Uint8Array>,
  file: string,
  problems: Problems,
): Generator<Uint8Array, void, undefined> {
  try {
    yield* chunks;
  } catch {
    problems.addFileError(file, "expected a file that can be read to its end");
  }
}

/** Lets go of the head's pieces as they are taken. */
function* headAndRest(
  head: Uint8Array[],
  rest: Generator<Uint8Array, void, undefined>,
): Generator<Uint8Array, void, undefined> {
  try {
    for (let piece = head.shift(); piece !== undefined; piece = head.shift()) yield piece;
    yield* rest;
  } finally {
    rest.return();
  }
}

function startsAsJson(pieces: readonly Uint8Array[]): boolean {
  const start = new TextDecoder().decode(pieces[0]?.subarray(0, 1000));
  return /^(?:---)?\s*\{/.test(start);
}

function textOf(pieces: Iterable<Uint8Array> | undefined): string | undefined {
  if (pieces === undefined) return undefined;
  const decoder = new TextDecoder();
  let text = "";
  for (const piece of pieces) text += decoder.decode(piece, { stream: true });
  return text + decoder.decode();
}
