/** A level over time in one line of text. */

const BARS = ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"] as const;
const GAP = " ";
const TOP = 0.995;

/** `values` between `low` (lowest bar) and `high` (highest), one character each; undefined leaves a gap. */
export function sparkline(values: readonly (number | undefined)[], low: number, high: number): string {
  return values
    .map((value) => {
      if (value === undefined) return GAP;
      const share = high > low ? (value - low) / (high - low) : 1;
      // The highest bar is for what is at the top (but for a hair's breadth), not for what is near it: a dip must show.
      const step = share >= TOP ? BARS.length - 1 : Math.floor(share * (BARS.length - 1));
      return BARS[Math.min(BARS.length - 1, Math.max(0, step))] ?? GAP;
    })
    .join("");
}

/** `values` in at most `width` bins of equal length, each by `pick`. */
export function binned(
  values: readonly number[],
  width: number,
  pick: (bin: readonly number[]) => number,
): number[] {
  const size = Math.max(1, Math.ceil(values.length / width));
  const bins: number[] = [];
  for (let first = 0; first < values.length; first += size)
    bins.push(pick(values.slice(first, first + size)));
  return bins;
}
