/**
 * The still world: sites (regions), centres (zones), racks and nodes as dense ids, and the links between centres.
 * Plain immutable data; what is cut, dark or dead at a moment belongs to the cluster.
 */
import type { Labels, ResourceList, Taint } from "../api/objects.js";
import { LABEL_HOSTNAME, LABEL_REGION, LABEL_ZONE } from "../api/well-known.js";
import { assert } from "../assert.js";
import type { Variate } from "../units/variate.js";

export { LABEL_HOSTNAME, LABEL_REGION, LABEL_ZONE };
/** Seatrial's own label: Kubernetes names no rack. */
export const LABEL_RACK = "topology.seatrial.dev/rack";
/** The pool a node was made from. */
export const LABEL_POOL = "seatrial.dev/node-pool";

/** A site: one region of Kubernetes' topology labels. */
export interface Site {
  readonly id: number;
  readonly name: string;
}

/** A data centre: one zone of Kubernetes' topology labels. */
export interface Centre {
  readonly id: number;
  readonly name: string;
  readonly site: number;
}

export interface Rack {
  readonly id: number;
  /** Unique: `<centre>-r<ordinal from 1>`. */
  readonly name: string;
  readonly centre: number;
}

/** One machine of the still world. */
export interface TopologyNode {
  readonly id: number;
  readonly name: string;
  readonly centre: number;
  /** -1: in no rack. */
  readonly rack: number;
  /** Pool name, "" for a node that came from a Node object. */
  readonly pool: string;
  readonly labels: Labels;
  readonly taints: readonly Taint[];
  readonly unschedulable: boolean;
  readonly allocatable: ResourceList;
  /** Its kubelet registers it so many µs after the beginning; undefined: it is there from the start. */
  readonly joinsAtUs?: number;
}

/** One direction between two centres. */
export interface Link {
  readonly from: number;
  readonly to: number;
  /** One-way latency in µs. */
  readonly oneWayUs: Variate;
  /** Share of messages lost, 0..1. */
  readonly loss: number;
}

export interface Topology {
  readonly sites: readonly Site[];
  readonly centres: readonly Centre[];
  readonly racks: readonly Rack[];
  readonly nodes: readonly TopologyNode[];
  /** One for each ordered pair of different centres, in order of (from, to). */
  readonly links: readonly Link[];
  /** One-way latency in µs between two machines of one centre. */
  readonly withinCentreUs: Variate;
}

/** What a pool says of its nodes, checked. */
export interface NodePoolSpec {
  readonly name: string;
  readonly count: number;
  readonly allocatable: ResourceList;
  readonly labels: Labels;
  readonly taints: readonly Taint[];
}

export interface CentreSpec {
  readonly name: string;
  readonly racks: number;
  readonly nodePools: readonly NodePoolSpec[];
}

export interface SiteSpec {
  readonly name: string;
  readonly centres: readonly CentreSpec[];
}

export interface LinkSpec {
  readonly from: string;
  readonly to: string;
  readonly oneWayUs: Variate;
  readonly loss: number;
}

/** A node that came as a Node object; its zone and region labels place it. */
export interface PlacedNodeSpec {
  readonly name: string;
  readonly centre: string;
  /** Rack ordinal from 0, or -1. */
  readonly rack: number;
  readonly labels: Labels;
  readonly taints: readonly Taint[];
  readonly unschedulable: boolean;
  readonly allocatable: ResourceList;
}

export interface TopologySpec {
  readonly sites: readonly SiteSpec[];
  readonly links: readonly LinkSpec[];
  /** For pairs of centres without a link of their own: within a site, and between sites. */
  readonly defaultLinkUs: { readonly sameSite: Variate; readonly otherSite: Variate };
  readonly withinCentreUs: Variate;
  readonly nodes: readonly PlacedNodeSpec[];
}

/**
 * Lays out the world: ids in the order written; the nodes of a pool go round robin over the centre's racks and are
 * named `<centre>-<pool>-<ordinal>`. A missing link gets the default of its kind, with no loss.
 * The caller has checked names for uniqueness and references.
 */
export function layOutTopology(spec: TopologySpec): Topology {
  const sites: Site[] = [];
  const centres: Centre[] = [];
  const racks: Rack[] = [];
  const nodes: TopologyNode[] = [];
  const firstRackOf = new Map<string, number>();
  for (const site of spec.sites) {
    const siteId = sites.length;
    sites.push({ id: siteId, name: site.name });
    for (const centre of site.centres) {
      const centreId = centres.length;
      centres.push({ id: centreId, name: centre.name, site: siteId });
      firstRackOf.set(centre.name, racks.length);
      for (let ordinal = 1; ordinal <= centre.racks; ordinal++) {
        racks.push({ id: racks.length, name: `${centre.name}-r${ordinal}`, centre: centreId });
      }
    }
  }
  const centreByName = new Map(centres.map((centre) => [centre.name, centre]));
  const place = (
    node: Omit<PlacedNodeSpec, "centre">,
    centre: Centre,
    pool: string,
    rack: Rack | undefined,
  ): void => {
    nodes.push({
      id: nodes.length,
      name: node.name,
      centre: centre.id,
      rack: rack?.id ?? -1,
      pool,
      labels: {
        [LABEL_HOSTNAME]: node.name,
        [LABEL_REGION]: sites[centre.site]?.name ?? "",
        [LABEL_ZONE]: centre.name,
        ...(rack === undefined ? {} : { [LABEL_RACK]: rack.name }),
        ...(pool === "" ? {} : { [LABEL_POOL]: pool }),
        ...node.labels,
      },
      taints: node.taints,
      unschedulable: node.unschedulable,
      allocatable: node.allocatable,
    });
  };
  for (const centre of spec.sites.flatMap((site) => site.centres)) {
    const placed = centreByName.get(centre.name);
    assert(placed !== undefined, `centre ${centre.name} was laid out`);
    const firstRack = firstRackOf.get(centre.name) ?? 0;
    let machine = 0;
    for (const pool of centre.nodePools) {
      for (let ordinal = 0; ordinal < pool.count; ordinal++, machine++) {
        const rack = centre.racks > 0 ? racks[firstRack + (machine % centre.racks)] : undefined;
        place(
          { ...pool, name: `${centre.name}-${pool.name}-${ordinal}`, rack: -1, unschedulable: false },
          placed,
          pool.name,
          rack,
        );
      }
    }
  }
  for (const node of spec.nodes) {
    const centre = centreByName.get(node.centre);
    assert(centre !== undefined, `node ${node.name} is in a known centre`);
    const rack = node.rack < 0 ? undefined : racks[(firstRackOf.get(node.centre) ?? 0) + node.rack];
    place(node, centre, "", rack);
  }
  return {
    sites,
    centres,
    racks,
    nodes,
    links: allLinks(spec, centres),
    withinCentreUs: spec.withinCentreUs,
  };
}

function allLinks(spec: TopologySpec, centres: readonly Centre[]): Link[] {
  const links: Link[] = [];
  for (const from of centres) {
    for (const to of centres) {
      if (from === to) continue;
      const own = spec.links.find((link) => link.from === from.name && link.to === to.name);
      const fallback = from.site === to.site ? spec.defaultLinkUs.sameSite : spec.defaultLinkUs.otherSite;
      links.push({ from: from.id, to: to.id, oneWayUs: own?.oneWayUs ?? fallback, loss: own?.loss ?? 0 });
    }
  }
  return links;
}

/** The link of an ordered pair of different centres. */
export function linkBetween(topology: Topology, from: number, to: number): Link {
  const count = topology.centres.length;
  const link = topology.links[from * (count - 1) + (to > from ? to - 1 : to)];
  assert(link !== undefined && link.from === from && link.to === to, "links are in order of (from, to)");
  return link;
}
