/** The run in pictures: levels over time as one line a policy, and where the faults lie. */
import type { Model } from "../../cluster/model.js";
import type { ExperimentResult } from "../../experiment/experiment.js";
import type { Replication } from "../../metrics/replication.js";
import { formatDuration, type Micros } from "../../units/time.js";
import { shortest } from "./figures.js";
import { binned, sparkline } from "./sparkline.js";

const WIDTH_MAX = 72;
/** Services shown; the others are in timeseries.csv. */
const SHOWN_MAX = 3;
/** Lower ends of the scale: the highest that lies below everything is taken. */
const FLOORS = [0.999, 0.99, 0.9, 0.5, 0];

interface Picture {
  readonly column: string;
  readonly title: string;
  /** Of the values in one bin: the one that matters. */
  readonly pick: (bin: readonly number[]) => number;
  readonly scale: (values: readonly number[]) => readonly [low: number, high: number];
  readonly percent: boolean;
}

/** One picture each of the services' availability; without services, of what is in use and what waits. */
export function timelineLines(result: ExperimentResult, model: Model, width: number): string[] {
  const columns = [...new Set(result.replications.flatMap(({ series }) => series.columns))];
  const pictures = picturesOf(columns, result);
  if (pictures.length === 0) return [];
  const label = Math.max(...result.study.policies.map((policy) => policy.length)) + 4;
  const bins = Math.max(20, Math.min(WIDTH_MAX, width - label));
  const lines = pictures.flatMap((picture) => pictureLines(picture, result, label, bins));
  return [...lines, ...axisLines(model, result.replications, label, bins)];
}

function picturesOf(columns: readonly string[], result: ExperimentResult): Picture[] {
  const services = columns.filter((column) => column.startsWith("availability/"));
  if (services.length > 0) {
    return services.slice(0, SHOWN_MAX).map((column) => ({
      column,
      title: `Availability, ${column.slice("availability/".length)}`,
      pick: (bin) => Math.min(...bin),
      scale: (values) => {
        const least = Math.min(1, ...values);
        return [FLOORS.find((floor) => floor <= least) ?? 0, 1];
      },
      percent: true,
    }));
  }
  const [scarce] = columns
    .filter((column) => column.startsWith("utilisation/"))
    .map((column) => ({ column, top: Math.max(0, ...valuesOf(column, result)) }))
    .sort((a, b) => b.top - a.top);
  const last = (bin: readonly number[]): number => bin[bin.length - 1] ?? 0;
  const pictures: Picture[] = [];
  if (scarce !== undefined) {
    const title = `Utilisation, ${scarce.column.slice("utilisation/".length)}`;
    pictures.push({ column: scarce.column, title, pick: last, scale: () => [0, 1], percent: true });
  }
  if (columns.includes("podsPending")) {
    const scale = (values: readonly number[]): readonly [number, number] => [0, Math.max(1, ...values)];
    pictures.push({ column: "podsPending", title: "Pods pending", pick: last, scale, percent: false });
  }
  return pictures;
}

function valuesOf(column: string, result: ExperimentResult): number[] {
  return result.study.policies.flatMap((policy) => meanSeries(column, policy, result));
}

function pictureLines(picture: Picture, result: ExperimentResult, label: number, bins: number): string[] {
  const levels = result.study.policies.map((policy) =>
    binned(meanSeries(picture.column, policy, result), bins, picture.pick),
  );
  const [low, high] = picture.scale(levels.flat());
  const shown = (value: number): string => (picture.percent ? `${shortest(100 * value)} %` : shortest(value));
  return [
    `${picture.title} (▁ ${shown(low)} to █ ${shown(high)}; mean of the replications)`,
    ...result.study.policies.map((policy, index) =>
      `  ${policy.padEnd(label - 4)}  ${sparkline(levels[index] ?? [], low, high)}`.trimEnd(),
    ),
  ];
}

/** The column's mean over the policy's replications, interval by interval, from the end of the warm-up on. */
function meanSeries(column: string, policy: string, { replications, study }: ExperimentResult): number[] {
  const runs = replications.filter((run) => run.policy === policy && run.series.columns.includes(column));
  const [first] = runs;
  if (first === undefined) return [];
  const { rows, intervalUs } = first.series;
  const skipped = firstShown(study.warmUpUs, intervalUs);
  return rows.slice(skipped).map((_, index) => {
    let sum = 0;
    for (const { series } of runs) sum += series.rows[skipped + index]?.[series.columns.indexOf(column)] ?? 0;
    return sum / runs.length;
  });
}

/** The first interval that lies behind the warm-up. */
function firstShown(warmUpUs: Micros, intervalUs: Micros): number {
  return Math.ceil(warmUpUs / intervalUs);
}

/** The span, and below it where each scheduled fault strikes (x) and is repaired (o). */
function axisLines(
  model: Model,
  replications: readonly Replication[],
  label: number,
  bins: number,
): string[] {
  const series = replications[0]?.series;
  if (series === undefined) return [];
  const skipped = firstShown(model.warmUpUs, series.intervalUs);
  const rows = series.rows.length - skipped;
  const size = Math.max(1, Math.ceil(rows / bins));
  const columns = Math.ceil(rows / size);
  const startUs = skipped * series.intervalUs;
  const binOf = (atUs: Micros): number => Math.floor((atUs - startUs) / (series.intervalUs * size));
  const start = formatDuration(startUs);
  const end = formatDuration(model.horizonUs);
  const axis = `${" ".repeat(label)}${start}${end.padStart(Math.max(columns - start.length, end.length + 1))}`;
  return [axis, ...scheduledFaults(model).flatMap((fault) => faultLine(fault, binOf, columns, label))];
}

interface Fault {
  readonly name: string;
  readonly atUs: Micros;
  readonly repairedUs: Micros | undefined;
}

function scheduledFaults(model: Model): Fault[] {
  return model.failures.flatMap(({ name, occurrence, repairUs }) => {
    if (occurrence.kind !== "at") return [];
    return occurrence.timesUs
      .filter((atUs) => atUs < model.horizonUs)
      .map((atUs) => ({
        name,
        atUs,
        repairedUs: repairUs?.kind === "constant" ? atUs + repairUs.value : undefined,
      }));
  });
}

function faultLine(
  { name, atUs, repairedUs }: Fault,
  binOf: (atUs: Micros) => number,
  columns: number,
  label: number,
): string[] {
  const line = Array.from({ length: columns }, () => " ");
  const strike = binOf(atUs);
  if (strike < 0 || strike >= columns) return [];
  const repair = repairedUs === undefined ? undefined : binOf(repairedUs);
  const until = repair === undefined ? strike : Math.min(repair, columns - 1);
  for (let bin = strike; bin <= until; bin++) line[bin] = "-";
  if (repair !== undefined && repair < columns) line[repair] = "o";
  line[strike] = "x";
  const repaired = repairedUs === undefined ? "" : `, repaired at ${formatDuration(repairedUs)}`;
  return [`${" ".repeat(label)}${line.join("")}  ${name} at ${formatDuration(atUs)}${repaired}`];
}
