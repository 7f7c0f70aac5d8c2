/**
 * Simulated time: whole microseconds in a double (exact to 2^53 µs, about 285 years).
 */

/** A moment or a span of simulated time in whole microseconds. */
export type Micros = number;

export const MILLISECOND: Micros = 1_000;
export const SECOND: Micros = 1_000_000;
export const MINUTE: Micros = 60 * SECOND;
export const HOUR: Micros = 60 * MINUTE;
export const DAY: Micros = 24 * HOUR;

const UNIT_MICROS: Readonly<Record<string, number>> = {
  ns: 1e-3,
  us: 1,
  µs: 1,
  μs: 1,
  ms: MILLISECOND,
  s: SECOND,
  m: MINUTE,
  h: HOUR,
  d: DAY,
};

/** What {@link parseDuration} expects, for messages. */
export const DURATION_EXPECTED = 'a duration such as "15s", "5m", "1h30m", "250ms" or "2d"';

/**
 * Reads a duration written as Go and Kubernetes write it (`1h30m`, `250ms`, `1.5s`), with `d` for 24 hours
 * besides. Returns whole µs (rounded to nearest), or undefined when the text is no duration.
 */
export function parseDuration(text: string): Micros | undefined {
  if (text === "0") return 0;
  const part = /([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h|d)/y;
  const negative = text.startsWith("-");
  part.lastIndex = negative || text.startsWith("+") ? 1 : 0;
  if (part.lastIndex >= text.length) return undefined;
  let total = 0;
  while (part.lastIndex < text.length) {
    const found = part.exec(text);
    if (found === null) return undefined;
    total += Number(found[1]) * (UNIT_MICROS[found[2] ?? ""] ?? Number.NaN);
  }
  const micros = Math.round(total);
  if (!Number.isSafeInteger(micros)) return undefined;
  return negative ? -micros : micros;
}

/** A span in the largest fitting units, for people: `1h30m`, `47.3s`, `250ms`, `0s`. From a second on to the millisecond. */
export function formatDuration(span: Micros): string {
  if (span === 0) return "0s";
  if (span < 0) return `-${formatDuration(-span)}`;
  if (span < MILLISECOND) return `${span}µs`;
  if (span < SECOND) return `${trim(span / MILLISECOND, 3)}ms`;
  // Rounded before it is cut into units, so that 59.9996 s is a minute and not "60s".
  const shown = Math.round(span / MILLISECOND) * MILLISECOND;
  const days = Math.floor(shown / DAY);
  const hours = Math.floor((shown % DAY) / HOUR);
  const minutes = Math.floor((shown % HOUR) / MINUTE);
  const seconds = (shown % MINUTE) / SECOND;
  return [
    days > 0 ? `${days}d` : "",
    hours > 0 ? `${hours}h` : "",
    minutes > 0 ? `${minutes}m` : "",
    seconds > 0 ? `${trim(seconds, 3)}s` : "",
  ].join("");
}

function trim(value: number, digits: number): string {
  return String(Number(value.toFixed(digits)));
}
