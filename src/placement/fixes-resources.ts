/** What would make room for a pod on a full node. */
import { isExtendedResource } from "../policies/framework/resources.js";
import { CPU, type PodInfo } from "../policies/framework/types.js";
import { formatQuantity, fromMilli, fromWhole, type Quantity } from "../units/quantity.js";
import { type Change, roundedUp } from "./changes.js";
import { type PlacedPod, type PlacementCluster, podKey } from "./cluster.js";
import type { Fix } from "./fixes.js";
import { isDaemonPod, isMirrorPod } from "./nodes.js";
import type { Sandbox } from "./sandbox.js";

/** The name under which a node says how many pods it takes. */
const PODS = "pods";
/** More pods than this are no longer a proposal. */
const EVICTIONS_MAX = 5;
/** A request is not proposed to fall below this share of itself. */
const LEAST_SHARE = 0.5;

/** What one node lacks for a pod: cpu in milli, everything else in whole units. */
export interface Shortage {
  /** -1: the number of pods. */
  readonly resource: number;
  readonly name: string;
  readonly requested: number;
  readonly by: number;
}

/** What the node lacks; pods nominated to it that go before this one count as there. */
export function shortagesOf(cluster: PlacementCluster, pod: PodInfo, node: number): Shortage[] {
  const { cache } = cluster;
  const waiting = cluster
    .nominatedOn(node)
    .filter((other) => other !== pod && other.shape.priority >= pod.shape.priority);
  const shortages: Shortage[] = [];
  const pods = cache.podCount(node) + waiting.length + 1 - cache.podsMax(node);
  if (pods > 0) shortages.push({ resource: -1, name: PODS, requested: 1, by: pods });
  const ignored = ignoredBy(cluster, pod);
  for (const { resource, amount } of pod.shape.requests) {
    const name = cache.resources.nameOf(resource);
    if (ignored(name)) continue;
    const reserved = waiting.reduce((sum, other) => sum + other.shape.requestOf(resource), 0);
    const free = cache.allocatable(node, resource) - cache.requested(node, resource) - reserved;
    if (amount > free) shortages.push({ resource, name, requested: amount, by: amount - free });
  }
  return shortages;
}

function ignoredBy(cluster: PlacementCluster, { shape }: PodInfo): (name: string) => boolean {
  const profile = cluster.profiles.find(({ schedulerName }) => schedulerName === shape.schedulerName);
  const args = profile?.args.NodeResourcesFit as
    | { readonly ignoredResources?: readonly string[]; readonly ignoredResourceGroups?: readonly string[] }
    | undefined;
  const { ignoredResources = [], ignoredResourceGroups = [] } = args ?? {};
  return (name) =>
    isExtendedResource(name) &&
    (ignoredResources.includes(name) || ignoredResourceGroups.includes(name.split("/")[0] ?? ""));
}

/** An amount of a resource as a quantity. */
export function quantityOf(resource: number, amount: number): Quantity {
  return resource === CPU ? fromMilli(amount) : fromWhole(amount);
}

export function resourceFixes(sandbox: Sandbox, node: string): Fix[] {
  const { cluster, info } = sandbox;
  const shortages = shortagesOf(cluster, info, cluster.nodeId(node));
  if (shortages.length === 0) return [];
  const fixes: Fix[] = [
    {
      side: "node",
      changes: shortages.map(({ resource, name, by }) => ({
        kind: "increaseAllocatable",
        node,
        resource: name,
        by: formatQuantity(resource === CPU ? fromMilli(by) : roundedUp(by)),
      })),
    },
  ];
  const smaller = shortages.map((shortage) => reduction(sandbox, shortage));
  if (smaller.every((change) => change !== undefined)) fixes.push({ side: "pod", changes: smaller });
  const leaving = evictions(sandbox, node, shortages);
  if (leaving.length > 0) fixes.push({ side: "evict", changes: leaving });
  return fixes;
}

/** Undefined where the pod would keep too little of what it asks for to be the same pod. */
function reduction({ pod }: Sandbox, { resource, name, requested, by }: Shortage): Change | undefined {
  const mebi = 1024 * 1024;
  const left = requested - by;
  const to = resource !== CPU && left >= mebi ? Math.floor(left / mebi) * mebi : left;
  if (resource < 0 || to < requested * LEAST_SHARE) return undefined;
  return {
    kind: "reduceRequest",
    pod: podKey(pod),
    resource: name,
    from: formatQuantity(quantityOf(resource, requested)),
    to: formatQuantity(quantityOf(resource, to)),
  };
}

/** Pods that a person would think of moving: not those that belong to the node. */
function movable({ object }: PlacedPod): boolean {
  return !isDaemonPod(object) && !isMirrorPod(object);
}

/** The least important pod that alone makes room, else the greatest of the least important until there is room. */
function evictions({ cluster }: Sandbox, node: string, shortages: readonly Shortage[]): Change[] {
  const pods = cluster.podsOn(node).filter(movable);
  const frees = (pod: PlacedPod, { resource }: Shortage): number =>
    resource < 0 ? 1 : pod.info.shape.requestOf(resource);
  /** Share of all shortages that the pod's leaving covers, 0..1 each. */
  const cover = (pod: PlacedPod): number =>
    shortages.reduce((sum, shortage) => sum + Math.min(1, frees(pod, shortage) / shortage.by), 0);
  const byPriority = (a: PlacedPod, b: PlacedPod): number =>
    a.info.shape.priority - b.info.shape.priority || (a.key < b.key ? -1 : 1);
  const alone = pods.filter((pod) => cover(pod) >= shortages.length).sort(byPriority)[0];
  if (alone !== undefined) return [{ kind: "removePod", pod: alone.key, node }];
  const open = new Map(shortages.map((shortage) => [shortage, shortage.by]));
  const chosen: PlacedPod[] = [];
  const order = pods.map((pod) => ({ pod, share: cover(pod) })).filter(({ share }) => share > 0);
  order.sort((a, b) => b.share - a.share || byPriority(a.pod, b.pod));
  for (const { pod } of order) {
    if ([...open.values()].every((left) => left <= 0)) break;
    chosen.push(pod);
    for (const [shortage, left] of open) open.set(shortage, left - frees(pod, shortage));
  }
  const enough = [...open.values()].every((left) => left <= 0) && chosen.length <= EVICTIONS_MAX;
  return enough ? chosen.map(({ key }) => ({ kind: "removePod", pod: key, node })) : [];
}

/** Would one pod's leaving make room on the node? */
export function oneLeavingSuffices(cluster: PlacementCluster, pod: PodInfo, node: number): boolean {
  const shortages = shortagesOf(cluster, pod, node);
  return cluster.cache
    .podsOn(node)
    .some((other) =>
      shortages.every(({ resource, by }) => (resource < 0 ? 1 : other.shape.requestOf(resource)) >= by),
    );
}
