/** Aligned text tables. Widths count characters: what is shown here takes one column each. */

export interface TextTable {
  readonly header: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

const GAP = 3;

/** The table's lines: the first column to the left, all others to the right, no space at line ends. */
export function tableLines({ header, rows }: TextTable): string[] {
  const all = [header, ...rows];
  const widths = header.map((_, column) => Math.max(...all.map((row) => (row[column] ?? "").length)));
  return all.map((row) =>
    widths
      .map((width, column) => {
        const cell = row[column] ?? "";
        return column === 0 ? cell.padEnd(width) : " ".repeat(GAP) + cell.padStart(width);
      })
      .join("")
      .trimEnd(),
  );
}

/** The same, in blocks of as many columns as `width` holds; each block begins with the first column. */
export function tableBlocks(table: TextTable, width: number): string[][] {
  const blocks: string[][] = [];
  let first = 1;
  while (first < table.header.length || blocks.length === 0) {
    let last = Math.max(first, table.header.length - 1);
    while (last > first && widest(table, first, last) > width) last--;
    blocks.push(tableLines(columnsOf(table, first, last)));
    first = last + 1;
  }
  return blocks;
}

function widest(table: TextTable, first: number, last: number): number {
  return Math.max(...tableLines(columnsOf(table, first, last)).map((line) => line.length));
}

function columnsOf({ header, rows }: TextTable, first: number, last: number): TextTable {
  const pick = (row: readonly string[]): string[] => [row[0] ?? "", ...row.slice(first, last + 1)];
  return { header: pick(header), rows: rows.map(pick) };
}

/** Rows as left-aligned columns, the last one running on. */
export function listLines(rows: readonly (readonly string[])[]): string[] {
  const columns = Math.max(0, ...rows.map((row) => row.length));
  const widths = Array.from({ length: columns }, (_, column) =>
    Math.max(...rows.map((row) => (row[column] ?? "").length)),
  );
  return rows.map((row) =>
    row
      .map((cell, column) => (column === row.length - 1 ? cell : cell.padEnd((widths[column] ?? 0) + GAP)))
      .join("")
      .trimEnd(),
  );
}

/** `1 node`, `2 nodes`, `1 policy`, `2 policies`. */
export function counted(count: number, noun: string, plural = `${noun}s`): string {
  return `${count} ${count === 1 ? noun : plural}`;
}
