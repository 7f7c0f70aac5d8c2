/** Figures as people read them: a mean with half its 95 % interval, rounded to what the interval lets one know. */
import type { Difference } from "../../experiment/statistics.js";
import type { SummaryRow } from "../../experiment/summary.js";

/** No such figure. */
export const NONE = "–";

/** Marks an interval that leaves out 0. */
export const SIGNIFICANT = "*";
/** Marks what never happened, see {@link neverText}. */
export const NEVER = "†";

/**
 * A metric over the replications: `99.812 % ± 0.021`, `74.3 s ± 2.1`; with censored values `> 1500 s (3 of 8)`, where
 * `bound` is the smallest of the lower bounds.
 */
export function figureText(row: SummaryRow, bound: number | undefined): string {
  const { mean, unit, censored, n } = row;
  if (mean === null) {
    if (censored === 0) return NONE;
    const least = bound === undefined ? "" : `> ${withUnit(shortest(scaled(bound, unit)), unit)} `;
    return `${least}(${censored} of ${n + censored})`;
  }
  const half = row.ci95High === null ? null : scaled(row.ci95High - mean, unit);
  const never = row.zeroFailureUpper95 === null ? "" : ` ${NEVER}`;
  return `${meanText(scaled(mean, unit), half, unit)}${never}`;
}

/** A paired difference: `+0.12 pp ± 0.05 *`; the star says that its interval leaves out 0. */
export function differenceText(
  { mean, ci95High, significant, censored, n }: Difference,
  unit: string,
): string {
  if (mean === null) return censored > 0 ? `(${censored} of ${n + censored} unknown)` : NONE;
  const half = ci95High === null ? null : scaled(ci95High - mean, unit);
  const value = scaled(mean, unit);
  const text = meanText(Math.abs(value), half, unit === "share" ? "points" : unit);
  // What is rounded to nothing has no sign.
  const sign = /^[0.]+ /.test(`${text} `) ? "" : value > 0 ? "+" : "−";
  return `${sign}${text} ${significant === true ? SIGNIFICANT : " "}`;
}

/** What {@link NEVER} means, by the rule of three. */
export function neverText(replications: number, upper: number): string {
  return `${NEVER} the same in all ${replications} replications: with 95 % confidence it is otherwise in fewer than ${shortest(100 * upper)} % of runs`;
}

/** Decimals beyond which nobody acts on a figure. */
function decimalsMax(unit: string): number {
  if (unit === "share" || unit === "points") return 4;
  return unit === "s" ? 3 : 2;
}

function meanText(mean: number, half: number | null, unit: string): string {
  if (half === null) return withUnit(shortest(mean), unit);
  if (half === 0) return `${withUnit(shortest(mean), unit)} ± 0`;
  // Two digits of the interval: beyond them the mean says nothing.
  const wanted = Math.max(0, 1 - Math.floor(Math.log10(half)));
  const decimals = Math.min(wanted, decimalsMax(unit));
  const shown = half.toFixed(decimals);
  const small = Number(shown) === 0 ? `<${(10 ** -decimals).toFixed(decimals)}` : shown;
  return `${withUnit(mean.toFixed(decimals), unit)} ± ${small}`;
}

function scaled(value: number, unit: string): number {
  return unit === "share" ? 100 * value : value;
}

/** Five significant digits, without zeros at the end. */
export function shortest(value: number): string {
  return String(Number(value.toPrecision(5)));
}

/** Shares are shown in percent; counts speak for themselves. */
function withUnit(text: string, unit: string): string {
  switch (unit) {
    case "share":
      return `${text} %`;
    case "points":
      return `${text} pp`;
    case "s":
    case "ms":
      return `${text} ${unit}`;
    default:
      return text;
  }
}
