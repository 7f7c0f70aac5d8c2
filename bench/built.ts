/** What the benches share: the built files, natively loaded (a loader that rewrites private fields slows them), clocks. */

/** A module of dist, by its path in src without the ending. */
export function built<M>(path: string): Promise<M> {
  return import(new URL(`../dist/${path}.js`, import.meta.url).href) as Promise<M>;
}

/** CPU seconds of this process that `work` takes. */
export function cpuSeconds(work: () => void): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1e6;
}

export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
}

/** "1,234" for what is counted, two digits for what is small. */
export function figure(value: number): string {
  if (value < 10) return value.toFixed(2);
  return String(Math.round(value)).replace(/\B(?=(\d{3})+$)/g, ",");
}
