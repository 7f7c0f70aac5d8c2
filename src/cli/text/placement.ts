/** Placements as kubectl would list pods, what is left over and why, and how full the zones are. */
import type { Share, ZoneUtilisation } from "../../placement/utilisation.js";
import { counted, listLines } from "./table.js";

export interface PlacementRow {
  readonly namespace: string;
  readonly name: string;
  readonly priority: number;
  /** undefined: it found none. */
  readonly node: string | undefined;
  readonly zone: string | undefined;
  /** The node that it had to leave. */
  readonly from: string | undefined;
  readonly origin: "pending" | "added" | "moved" | "evicted";
  readonly outcome: "placed" | "pending" | "gated" | "otherScheduler";
  /** Pods that were evicted for it. */
  readonly evicted: readonly string[];
  readonly message: string | undefined;
}

export interface PlacementReport {
  readonly rows: readonly PlacementRow[];
  readonly evicted: ReadonlyMap<string, string>;
  readonly lost: ReadonlyMap<string, string>;
  readonly before: readonly ZoneUtilisation[];
  readonly after: readonly ZoneUtilisation[];
}

const NONE = "<none>";

export function placementText(report: PlacementReport): string {
  const { rows, lost, before, after } = report;
  const placed = rows.filter(({ node }) => node !== undefined);
  const left = rows.filter(({ node }) => node === undefined);
  const blocks: string[][] = [];
  if (placed.length > 0) blocks.push(placedLines(placed));
  if (left.length > 0) blocks.push(leftLines(left));
  if (lost.size > 0) blocks.push(lostLines(lost));
  blocks.push([summaryLine(report)], utilisationLines(before, after));
  return blocks.map((lines) => lines.join("\n")).join("\n\n");
}

function placedLines(rows: readonly PlacementRow[]): string[] {
  const hasFrom = rows.some(({ from }) => from !== undefined);
  const hasEvicted = rows.some(({ evicted }) => evicted.length > 0);
  return listLines([
    [
      "NAMESPACE",
      "NAME",
      "PRIORITY",
      "NODE",
      "ZONE",
      ...(hasFrom ? ["FROM"] : []),
      ...(hasEvicted ? ["EVICTED"] : []),
    ],
    ...rows.map(({ namespace, name, priority, node = NONE, zone = NONE, from, evicted }) => [
      namespace,
      name,
      String(priority),
      node,
      zone,
      ...(hasFrom ? [from ?? NONE] : []),
      ...(hasEvicted ? [evicted.length === 0 ? NONE : evicted.join(", ")] : []),
    ]),
  ]);
}

/** Pods that wait for the same reason together. */
function leftLines(rows: readonly PlacementRow[]): string[] {
  const byMessage = new Map<string, PlacementRow[]>();
  for (const row of rows) {
    const group = byMessage.get(row.message ?? "");
    if (group === undefined) byMessage.set(row.message ?? "", [row]);
    else group.push(row);
  }
  return [...byMessage].flatMap(([message, group], index) => [
    ...(index === 0 ? [] : [""]),
    `${STATUS[group[0]?.outcome ?? "pending"]}: ${message}`,
    ...group.map(
      ({ namespace, name, from }) => `  ${namespace}/${name}${from === undefined ? "" : ` (from ${from})`}`,
    ),
  ]);
}

const STATUS: Readonly<Record<PlacementRow["outcome"], string>> = {
  placed: "Placed",
  pending: "Pending",
  gated: "Gated",
  otherScheduler: "Left alone",
};

function lostLines(lost: ReadonlyMap<string, string>): string[] {
  return [
    "Gone for good, no controller makes them again:",
    ...Array.from(lost, ([pod, node]) => `  ${pod} (from ${node})`),
  ];
}

function summaryLine({ rows, evicted, lost }: PlacementReport): string {
  const of = (outcome: PlacementRow["outcome"]): number =>
    rows.filter((row) => row.outcome === outcome).length;
  const parts = [`${of("placed")} placed`, `${of("pending")} pending`];
  if (of("gated") > 0) parts.push(`${of("gated")} gated`);
  if (of("otherScheduler") > 0) parts.push(`${of("otherScheduler")} for another scheduler`);
  if (evicted.size > 0) parts.push(`${evicted.size} evicted`);
  if (lost.size > 0) parts.push(`${lost.size} gone for good`);
  return `${counted(rows.length, "pod")}: ${parts.join(", ")}`;
}

/** Requested of allocatable, `before → after` where that differs. */
function utilisationLines(before: readonly ZoneUtilisation[], after: readonly ZoneUtilisation[]): string[] {
  const zones = [...new Set([...before, ...after].map(({ zone }) => zone))].sort();
  const names = [...new Set([...before, ...after].flatMap(({ resources }) => [...resources.keys()]))];
  const at = (list: readonly ZoneUtilisation[], zone: string) => list.find((one) => one.zone === zone);
  return listLines([
    ["ZONE", "NODES", "PODS", ...names.map((name) => name.toUpperCase())],
    ...zones.map((zone) => {
      const [was, is] = [at(before, zone), at(after, zone)];
      return [
        zone,
        arrow(String(was?.nodes ?? 0), String(is?.nodes ?? 0)),
        arrow(String(was?.pods.requested ?? 0), String(is?.pods.requested ?? 0)),
        ...names.map((name) =>
          arrow(shareText(was?.resources.get(name)), shareText(is?.resources.get(name))),
        ),
      ];
    }),
  ]);
}

function arrow(before: string, after: string): string {
  return before === after ? after : `${before} → ${after}`;
}

function shareText(share: Share | undefined): string {
  if (share === undefined || share.allocatable === 0) return "–";
  return `${((100 * share.requested) / share.allocatable).toFixed(1)} %`;
}
