/** Points in a field of text: upwards on a linear scale, to the right on a logarithmic one with a place for 0. */
import { shortest } from "./figures.js";

export interface PlotPoint {
  readonly letter: string;
  readonly x: number;
  readonly y: number;
}

const HEIGHT = 12;
const WIDTH_MAX = 72;
/** The field with its two axes. Points that fall together stand beside each other. */
export function plotLines(points: readonly PlotPoint[], width: number): string[] {
  const top = Math.max(...points.map(({ y }) => y));
  const labels = { top: shortest(Number(top.toPrecision(2))), bottom: "0" };
  const margin = Math.max(labels.top.length, labels.bottom.length) + 1;
  const columns = Math.max(24, Math.min(WIDTH_MAX, width - margin - 4));
  const positive = points.map(({ x }) => x).filter((x) => x > 0);
  const [low, high] = [Math.min(...positive), Math.max(...positive)];
  const rowOf = (y: number): number => HEIGHT - 1 - Math.round((top === 0 ? 0 : y / top) * (HEIGHT - 1));
  const zeros = points.filter(({ x }) => x <= 0).map(({ y }) => rowOf(y));
  // What is 0 stands before the scale, in as many columns as the fullest line needs.
  const zero = 2 + Math.max(1, ...zeros.map((row) => zeros.filter((other) => other === row).length));
  const field = Array.from({ length: HEIGHT }, () => Array.from({ length: columns }, () => " "));
  for (const { letter, x, y } of points) {
    const row = field[rowOf(y)];
    if (row !== undefined) place(row, columnOf(x, low, high, zero, columns), letter);
  }
  const lines = field.map((row, index) => {
    const label = index === 0 ? labels.top : index === HEIGHT - 1 ? labels.bottom : "";
    return `${label.padStart(margin)} │${row.join("")}`.trimEnd();
  });
  const [left, right] = [shortest(Number(low.toPrecision(2))), shortest(Number(high.toPrecision(2)))];
  const scale = low === high ? left : `${left}${right.padStart(columns - zero - left.length)}`;
  return [
    ...lines,
    `${" ".repeat(margin)} └${"─".repeat(columns)}`,
    `${" ".repeat(margin)}  0${" ".repeat(zero - 1)}${scale}`,
  ];
}

function columnOf(x: number, low: number, high: number, zero: number, columns: number): number {
  if (x <= 0) return 0;
  if (low === high) return zero;
  const share = Math.log(x / low) / Math.log(high / low);
  return zero + Math.round(share * (columns - 1 - zero));
}

/** In the nearest free column. */
function place(row: string[], wanted: number, letter: string): void {
  for (let step = 0; step < row.length; step++) {
    for (const column of [wanted + step, wanted - step]) {
      if (row[column] !== " ") continue;
      row[column] = letter;
      return;
    }
  }
}
