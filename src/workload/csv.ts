/** Plain comma-separated tables with a header line and without quotes, read strictly, mistakes collected by line. */
import { closestOf, type Problems } from "./problems.js";

/** One row; a cell that is wrong is recorded, turns `ok` false and reads as 0 or "". */
export class CsvRow {
  ok = true;
  readonly #cells: readonly string[];
  readonly #columns: ReadonlyMap<string, number>;
  readonly #file: string;
  readonly #line: number;
  readonly #problems: Problems;

  constructor(
    cells: readonly string[],
    columns: ReadonlyMap<string, number>,
    file: string,
    line: number,
    problems: Problems,
  ) {
    this.#cells = cells;
    this.#columns = columns;
    this.#file = file;
    this.#line = line;
    this.#problems = problems;
  }

  problem(column: string, message: string): void {
    this.ok = false;
    const value = this.optionalText(column);
    this.#problems.add({
      file: this.#file,
      line: this.#line,
      path: column,
      value,
      message,
      severity: "error",
    });
  }

  /** "" where the column or the cell is empty or missing. */
  optionalText(column: string): string {
    return this.#cells[this.#columns.get(column) ?? -1] ?? "";
  }

  text(column: string): string {
    const text = this.optionalText(column);
    if (text === "") this.problem(column, "expected a string");
    return text;
  }

  /** A whole number of at least 0. */
  count(column: string): number {
    const text = this.optionalText(column);
    if (/^[0-9]{1,15}$/.test(text)) return Number(text);
    this.problem(column, "expected a whole number of at least 0");
    return 0;
  }

  optionalCount(column: string): number | undefined {
    return this.optionalText(column) === "" ? undefined : this.count(column);
  }
}

/** The rows below the header, which must name `required` in any order. */
export function readCsv(
  text: string,
  file: string,
  required: readonly string[],
  problems: Problems,
): CsvRow[] {
  const lines = text.replace(/^\uFEFF/, "").split(/\r?\n/);
  const header = (lines[0] ?? "").split(",");
  const columns = new Map(header.map((name, index) => [name.trim(), index]));
  const missing = required.filter((name) => !columns.has(name));
  for (const name of missing) {
    const suggestion = closestOf(name, columns.keys());
    const message = `expected a column "${name}"${suggestion === undefined ? "" : `, found "${suggestion}"`}`;
    problems.add({ file, line: 1, path: "", message, severity: "error" });
  }
  if (missing.length > 0) return [];
  const rows: CsvRow[] = [];
  for (const [index, line] of lines.entries()) {
    if (index === 0 || line === "") continue;
    const cells = line.split(",");
    const message = line.includes('"')
      ? "expected cells without quotes"
      : cells.length === header.length
        ? undefined
        : `expected ${header.length} cells as in the header, got ${cells.length}`;
    if (message === undefined) rows.push(new CsvRow(cells, columns, file, index + 1, problems));
    else problems.add({ file, line: index + 1, path: "", message, severity: "error" });
  }
  return rows;
}
