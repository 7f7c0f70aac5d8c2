/**
 * What is measured in a trial, trial by trial, and how it is judged. A case's reader gives the measured values, its
 * harness the simulated ones under the same names.
 */

/**
 * "time": set by timers; mean and median are judged. "latency": the median is judged, and may be off by 10 % or 1 ms.
 * "count": mean and extremes are judged. "share": of trials in which something happened (values 0 and 1).
 * "printed": shown only. {@link Law}: every value, measured and simulated, must obey.
 */
export type Rule = "time" | "latency" | "count" | "share" | "printed" | Law;

/** No value below `min` or above `max`. */
export interface Law {
  readonly says: string;
  readonly min: number;
  readonly max: number;
}

/** A trial's value; null: it did not happen (while somebody looked). */
export type Value = number | null;

export interface Statistic {
  readonly name: string;
  readonly rule: Rule;
  readonly measured: readonly Value[];
}

/** Values by a statistic's name, in the order of trials. */
export type Columns = Record<string, Value[]>;

/** Adds a trial's values. */
export function addTrial(columns: Columns, values: Readonly<Record<string, Value>>): void {
  for (const [name, value] of Object.entries(values)) {
    const column = columns[name];
    if (column === undefined) columns[name] = [value];
    else column.push(value);
  }
}
