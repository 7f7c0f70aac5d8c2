/** The still world of a scenario: its own sites and pools, and the Node objects of manifests, snapshots and traces. */
import type { Node } from "../api/objects.js";
import {
  type CentreSpec,
  LABEL_RACK,
  LABEL_ZONE,
  type LinkSpec,
  layOutTopology,
  type NodePoolSpec,
  type PlacedNodeSpec,
  type SiteSpec,
  type Topology,
} from "../topology/topology.js";
import { closestOf, type Problems } from "../workload/problems.js";
import { placeOf } from "../workload/snapshot.js";
import { TOPOLOGY_DEFAULTS } from "./defaults.js";
import { quantityOf, shareOf, variateUs } from "./scalars.js";
import { addProblem, addUnknown, type Place } from "./shape.js";
import type { TopologyWritten } from "./topology-schema.js";

/** A pool whose node count is not the file's: `pool` is `<centre>/<pool>`. */
export interface NodePoolCount {
  readonly pool: string;
  readonly count: number;
}

/** `place` is the scenario's document at `spec`. Undefined where a node or link cannot be placed. */
export function compileTopology(
  written: TopologyWritten,
  nodes: readonly Node[],
  override: NodePoolCount | undefined,
  place: Place,
  problems: Problems,
): Topology | undefined {
  const before = problems.errorCount;
  const own = (written.sites ?? []).map((site) => siteSpec(site, override));
  const sites = own.length > 0 ? own : sitesOfNodes(nodes);
  if (sites.length === 0) {
    const message = "expected sites with node pools, or Node objects in the manifests";
    addProblem(place, ["topology"], { message }, problems);
    return undefined;
  }
  checkNodeNames(sites, nodes, place, problems);
  const placed = placeNodes(sites, nodes, place, problems);
  const links = compileLinks(written, sites, place, problems);
  if (problems.errorCount > before) return undefined;
  const { latency = {} } = written;
  return layOutTopology({
    sites,
    links,
    nodes: placed,
    defaultLinkUs: {
      sameSite: variateUs(latency.sameSite ?? TOPOLOGY_DEFAULTS.sameSite),
      otherSite: variateUs(latency.otherSite ?? TOPOLOGY_DEFAULTS.otherSite),
    },
    withinCentreUs: variateUs(latency.withinCentre ?? TOPOLOGY_DEFAULTS.withinCentre),
  });
}

type SiteWritten = NonNullable<TopologyWritten["sites"]>[number];
type PoolWritten = NonNullable<SiteWritten["centres"][number]["nodePools"]>[number];

function siteSpec(site: SiteWritten, override: NodePoolCount | undefined): SiteSpec {
  return {
    name: site.name,
    centres: site.centres.map((centre) => ({
      name: centre.name,
      racks: centre.racks ?? 0,
      nodePools: (centre.nodePools ?? []).map((pool) => {
        const spec = poolSpec(pool);
        return override?.pool === `${centre.name}/${pool.name}` ? { ...spec, count: override.count } : spec;
      }),
    })),
  };
}

function poolSpec(pool: PoolWritten): NodePoolSpec {
  const allocatable = { pods: TOPOLOGY_DEFAULTS.pods, ...pool.allocatable };
  return {
    name: pool.name,
    count: pool.count,
    allocatable: Object.fromEntries(
      Object.entries(allocatable).map(([name, amount]) => [name, quantityOf(amount)]),
    ),
    labels: pool.labels ?? {},
    taints: (pool.taints ?? []).map(({ key, value = "", effect }) => ({ key, value, effect })),
  };
}

/** Regions, zones and racks of the nodes' own labels, in order of first appearance. */
function sitesOfNodes(nodes: readonly Node[]): SiteSpec[] {
  const siteOf = new Map<string, string>();
  const racksOf = new Map<string, Set<string>>();
  for (const node of nodes) {
    const { zone, region } = placeOf(node);
    if (!siteOf.has(zone)) siteOf.set(zone, region);
    const racks = racksOf.get(zone) ?? new Set();
    const rack = node.metadata.labels[LABEL_RACK];
    if (rack !== undefined) racks.add(rack);
    racksOf.set(zone, racks);
  }
  const centres = new Map<string, CentreSpec[]>();
  for (const [zone, site] of siteOf) {
    const centre: CentreSpec = { name: zone, racks: racksOf.get(zone)?.size ?? 0, nodePools: [] };
    centres.set(site, [...(centres.get(site) ?? []), centre]);
  }
  return [...centres].map(([name, list]) => ({ name, centres: list }));
}

function checkNodeNames(
  sites: readonly SiteSpec[],
  nodes: readonly Node[],
  place: Place,
  problems: Problems,
): void {
  const names = new Set<string>();
  for (const { name: centre, nodePools } of sites.flatMap((site) => site.centres)) {
    for (const { name: pool, count } of nodePools) {
      for (let ordinal = 0; ordinal < count; ordinal++) names.add(`${centre}-${pool}-${ordinal}`);
    }
  }
  for (const { metadata } of nodes) {
    if (names.has(metadata.name)) {
      const message = `expected each node to have a name of its own; "${metadata.name}" is there twice`;
      addProblem(place, ["topology"], { message }, problems);
    }
    names.add(metadata.name);
  }
}

function placeNodes(
  sites: readonly SiteSpec[],
  nodes: readonly Node[],
  place: Place,
  problems: Problems,
): PlacedNodeSpec[] {
  const centres = new Map(sites.flatMap((site) => site.centres).map((centre) => [centre.name, centre]));
  const only = centres.size === 1 ? [...centres.keys()][0] : undefined;
  const racks = new Map<string, Map<string, number>>();
  const placed: PlacedNodeSpec[] = [];
  for (const node of nodes) {
    const { name, labels } = node.metadata;
    const { zone } = placeOf(node);
    const centre = centres.get(zone) ?? centres.get(only ?? "");
    if (centre === undefined) {
      const message = `expected Node ${name} to have the label ${LABEL_ZONE} with a centre of this topology`;
      addProblem(
        place,
        ["topology", "sites"],
        {
          message: `${message}; it stands in "${zone}"`,
          suggestion: closestOf(zone, centres.keys()),
        },
        problems,
      );
      continue;
    }
    placed.push({
      name,
      centre: centre.name,
      rack: rackOrdinal(racks, centre, labels[LABEL_RACK]),
      labels,
      taints: node.taints,
      unschedulable: node.unschedulable,
      allocatable: node.allocatable,
    });
  }
  return placed;
}

/** By name where the label is a rack's name, else by order of appearance; -1 where there is no room for it. */
function rackOrdinal(
  racks: Map<string, Map<string, number>>,
  centre: CentreSpec,
  label: string | undefined,
): number {
  if (label === undefined || centre.racks === 0) return -1;
  const prefix = `${centre.name}-r`;
  const named = label.startsWith(prefix) ? Number(label.slice(prefix.length)) : Number.NaN;
  if (Number.isInteger(named) && named >= 1 && named <= centre.racks) return named - 1;
  const seen = racks.get(centre.name) ?? new Map<string, number>();
  racks.set(centre.name, seen);
  const ordinal = seen.get(label) ?? seen.size;
  if (ordinal >= centre.racks) return -1;
  seen.set(label, ordinal);
  return ordinal;
}

function compileLinks(
  written: TopologyWritten,
  sites: readonly SiteSpec[],
  place: Place,
  problems: Problems,
): LinkSpec[] {
  const siteOf = new Map(
    sites.flatMap((site) => site.centres.map((centre) => [centre.name, site.name] as const)),
  );
  const links: LinkSpec[] = [];
  const { latency = {} } = written;
  for (const [index, link] of (written.links ?? []).entries()) {
    const path = ["topology", "links", index];
    const [a, b] = link.between ?? [link.from ?? "", link.to ?? ""];
    const ends: readonly (readonly [string, readonly (string | number)[]])[] =
      link.between === undefined
        ? [
            [a, [...path, "from"]],
            [b, [...path, "to"]],
          ]
        : [
            [a, [...path, "between", 0]],
            [b, [...path, "between", 1]],
          ];
    for (const [end, at] of ends) {
      if (siteOf.has(end)) continue;
      addUnknown(place, at, { what: "a centre", value: end, known: [...siteOf.keys()] }, problems);
    }
    if (a === b) addProblem(place, path, { message: "expected two different centres" }, problems);
    const near = siteOf.get(a) === siteOf.get(b);
    const fallback = near
      ? (latency.sameSite ?? TOPOLOGY_DEFAULTS.sameSite)
      : (latency.otherSite ?? TOPOLOGY_DEFAULTS.otherSite);
    const oneWayUs = variateUs(link.oneWay ?? fallback);
    const loss = shareOf(link.loss ?? TOPOLOGY_DEFAULTS.loss);
    const directions = link.between === undefined ? [[a, b] as const] : [[a, b] as const, [b, a] as const];
    for (const [from, to] of directions) {
      if (links.some((other) => other.from === from && other.to === to)) {
        addProblem(place, path, { message: `expected one link from ${from} to ${to}` }, problems);
      }
      links.push({ from, to, oneWayUs, loss });
    }
  }
  return links;
}
