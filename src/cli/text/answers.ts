/** The first table: what users and pods got, by policy; then how policies differ from the first one. */
import { differenceText, figureText, NONE, neverText, SIGNIFICANT } from "./figures.js";
import type { ResultView } from "./result-view.js";
import { type TextTable, tableBlocks } from "./table.js";

/** One line of the table. */
interface Line {
  readonly label: string;
  readonly metric: string;
  readonly of: string;
}

/** Figures by policy, mean ± half the 95 % interval, with what its marks mean. */
export function answerLines(view: ResultView, width: number): string[] {
  const lines = linesOf(view);
  const table: TextTable = {
    header: ["mean ± half of the 95 % interval", ...view.policies],
    rows: lines.map(({ label, metric, of }) => [
      label,
      ...view.policies.map((policy) => {
        const row = view.row(policy, metric, of);
        return row === undefined ? NONE : figureText(row, view.bound(policy, metric, of));
      }),
    ]),
  };
  return [...joined(tableBlocks(table, width)), ...footnotes(view, lines)];
}

/** Paired differences of every other policy to the first; none where there is one policy only. */
export function differenceLines(view: ResultView, width: number): string[] {
  const [baseline, ...others] = view.policies;
  if (baseline === undefined || others.length === 0) return [];
  const rows = linesOf(view).flatMap(({ label, metric, of }) => {
    const cells = others.map((policy) => {
      const row = view.difference(policy, metric, of);
      return row === undefined ? NONE : differenceText(row.difference, row.unit);
    });
    return cells.every((cell) => cell === NONE) ? [] : [[label, ...cells]];
  });
  if (rows.length === 0) return [];
  return [
    ...joined(tableBlocks({ header: [`difference to ${baseline}, paired`, ...others], rows }, width)),
    `${SIGNIFICANT} the 95 % interval of the difference leaves out 0; pp: percentage points`,
  ];
}

function linesOf(view: ResultView): Line[] {
  const services = view.subjects("availability").filter((of) => of !== "cluster");
  const availability = services.length > 1 ? ["cluster", ...services] : services;
  const resources = view.subjects("utilisation");
  const spans = services.length > 0 ? ["utilisation"] : ["utilisation", "utilisationAtEnd"];
  const cluster = (label: string, metric: string): Line => ({ label, metric, of: "cluster" });
  const seldom = [cluster("Evictions", "evictions"), cluster("Preemptions", "preemptions")];
  return [
    ...availability.map((of) => ({ label: `Availability, ${named(of)}`, metric: "availability", of })),
    ...view.subjects("rto").map((of) => ({ label: `RTO, ${named(of)}`, metric: "rto", of })),
    cluster("Pods pending, mean", "podsPending"),
    cluster("Pods pending, at the end", "podsPendingAtEnd"),
    cluster("Pods placed", "podsPlaced"),
    cluster("Wait for a node, 99th percentile", "schedulingWaitP99"),
    ...spans.flatMap((metric) =>
      resources.map((of) => ({
        label: `Utilisation, ${named(of)}${metric === "utilisation" ? "" : ", at the end"}`,
        metric,
        of,
      })),
    ),
    ...seldom.filter(({ metric, of }) => view.happened(metric, of)),
  ].filter(({ metric, of }) => view.policies.some((policy) => view.row(policy, metric, of) !== undefined));
}

/** Without its kind, where that is plain: `service/shop/frontend` is shop/frontend. */
function named(of: string): string {
  if (of === "cluster") return "all services";
  return of.replace(/^(?:service|deployment|statefulset|daemonset|resource)\//, "");
}

function footnotes(view: ResultView, lines: readonly Line[]): string[] {
  const bounds = view.policies.flatMap((policy) =>
    lines.flatMap(({ metric, of }) => {
      const row = view.row(policy, metric, of);
      return row?.zeroFailureUpper95 == null ? [] : [{ n: row.n, upper: row.zeroFailureUpper95 }];
    }),
  );
  // The bound depends on the number of replications alone; the fewest give the one that holds for all.
  const widest = bounds.sort((a, b) => b.upper - a.upper)[0];
  const censored = lines.some(({ metric, of }) =>
    view.policies.some((policy) => (view.row(policy, metric, of)?.censored ?? 0) > 0),
  );
  return [
    ...(widest === undefined ? [] : [neverText(widest.n, widest.upper)]),
    ...(censored ? ["> not recovered when the run ended, in so many of the replications; no mean then"] : []),
  ];
}

function joined(blocks: readonly (readonly string[])[]): string[] {
  return blocks.flatMap((block, index) => (index === 0 ? block : ["", ...block]));
}
