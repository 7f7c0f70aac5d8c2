/** The rule that preemption's speed rests on: a state that followed pods in and out equals a fresh one. */
import fc from "fast-check";
import { expect } from "vitest";
import { Overlay } from "../../src/policies/framework/overlay.js";
import type { Plugin, PluginFactory, PodInfo } from "../../src/policies/framework/types.js";
import { NAMESPACES, nodes } from "./random-clusters.js";
import { filterAll, type NodeText, type PodText, SmallCluster } from "./small-cluster.js";

/** A pod joins some node (`text` given), or some pod there leaves it; numbers are taken modulo what there is. */
type Change = { readonly node: number; readonly text?: PodText | undefined; readonly leaving: number };

/** Checks random clusters, incoming pods and changes. Where PreFilter skips, there is no state to keep. */
export function checkIncremental(
  factory: PluginFactory,
  incoming: fc.Arbitrary<PodText>,
  existing: fc.Arbitrary<PodText>,
  numRuns: number,
  clusterOf = (texts: readonly NodeText[]) => new SmallCluster(texts, NAMESPACES),
): number {
  const changes: fc.Arbitrary<readonly Change[]> = fc.array(
    fc.record({
      node: fc.nat({ max: 5 }),
      text: fc.option(existing, { nil: undefined }),
      leaving: fc.nat({ max: 9 }),
    }),
    { minLength: 1, maxLength: 8 },
  );
  let compared = 0;
  fc.assert(
    fc.property(nodes(existing), incoming, changes, (texts, pod, steps) => {
      const cluster = clusterOf(texts);
      const plugin = cluster.plugin(factory);
      if (followChanges(cluster, plugin, cluster.pod(pod), steps)) compared++;
    }),
    { numRuns, seed: 20_250_601 },
  );
  return compared;
}

function followChanges(
  cluster: SmallCluster,
  plugin: Plugin,
  pod: PodInfo,
  steps: readonly Change[],
): boolean {
  const fresh = plugin.preFilter?.(cluster.cache, pod);
  if (fresh?.kind !== "state" || plugin.cloneState === undefined) return false;
  const before = filterAll(plugin, cluster.cache, pod, fresh.state);
  const overlay = new Overlay(cluster.cache);
  let state = plugin.cloneState(fresh.state);
  for (const { node: raw, text, leaving } of steps) {
    const node = raw % overlay.nodeOrder.length;
    const present = overlay.podsOn(node);
    const removed = present[leaving % Math.max(1, present.length)];
    if (text !== undefined) {
      const added = cluster.pod(text);
      overlay.addPod(added, node);
      plugin.addPod?.(state, overlay, pod, added, node);
    } else if (removed !== undefined) {
      overlay.removePod(removed, node);
      plugin.removePod?.(state, overlay, pod, removed, node);
    }
    const again = plugin.preFilter?.(overlay, pod);
    // Where the last objection is gone a fresh PreFilter skips: nothing is refused, and the state must say so.
    if (again?.kind === "state") expect(state).toEqual(again.state);
    expect(filterAll(plugin, overlay, pod, state)).toEqual(filterAll(plugin, overlay, pod));
    state = plugin.cloneState(state);
  }
  expect(filterAll(plugin, cluster.cache, pod, fresh.state), "the original state is untouched").toEqual(
    before,
  );
  expect(fresh).toEqual(plugin.preFilter?.(cluster.cache, pod));
  return true;
}
