/** How full the zones of a cluster are. */
import { placeOf } from "../workload/snapshot.js";
import type { PlacementCluster } from "./cluster.js";

export interface Share {
  readonly requested: number;
  readonly allocatable: number;
}

export interface ZoneUtilisation {
  readonly zone: string;
  readonly nodes: number;
  readonly pods: Share;
  /** By resource name; cpu in milli, all else in whole units. Only resources that some node has. */
  readonly resources: ReadonlyMap<string, Share>;
}

/** By zone, in order of name. */
export function utilisationOf({ cache, nodes }: PlacementCluster): ZoneUtilisation[] {
  const zones = new Map<
    string,
    { nodes: number; shares: Map<string, { requested: number; allocatable: number }> }
  >();
  for (const node of nodes) {
    const { zone } = placeOf(node);
    const sums = zones.get(zone) ?? { nodes: 0, shares: new Map() };
    zones.set(zone, sums);
    sums.nodes++;
    const id = cache.nodeByName(node.metadata.name);
    const add = (name: string, requested: number, allocatable: number): void => {
      const share = sums.shares.get(name) ?? { requested: 0, allocatable: 0 };
      sums.shares.set(name, share);
      share.requested += requested;
      share.allocatable += allocatable;
    };
    add("pods", cache.podCount(id), cache.podsMax(id));
    for (let resource = 0; resource < cache.resources.count; resource++) {
      const allocatable = cache.allocatable(id, resource);
      if (allocatable > 0) add(cache.resources.nameOf(resource), cache.requested(id, resource), allocatable);
    }
  }
  return [...zones]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([zone, { nodes: count, shares }]) => {
      const { pods = { requested: 0, allocatable: 0 }, ...resources } = Object.fromEntries(shares);
      return { zone, nodes: count, pods, resources: new Map(Object.entries(resources)) };
    });
}
