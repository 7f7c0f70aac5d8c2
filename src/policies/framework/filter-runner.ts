/** PreFilter and Filter of one profile, with nominated pods counted as kube-scheduler counts them. */
import type { BaseView } from "./cache.js";
import type { Nominator } from "./nominator.js";
import { Overlay } from "./overlay.js";
import type { CycleState, OverlayView, Plugin, PodInfo, Rejection } from "./types.js";

/** Stands for the state of a plugin that PreFilter told to sit this cycle out. */
const SKIPPED: unique symbol = Symbol("skipped");

/** What PreFilter says of a pod. */
export type PreFilterOutcome =
  | { readonly kind: "rejected"; readonly rejection: Rejection; readonly plugins: readonly string[] }
  | {
      readonly kind: "ready";
      readonly cycle: CycleState;
      /** The only nodes worth looking at, where plugins limited them; some may not exist. */
      readonly nodeNames: readonly string[] | undefined;
      /** The plugins that limited them, sorted. */
      readonly limitedBy: readonly string[];
    };

export class FilterRunner {
  readonly #plugins: readonly Plugin[];
  readonly #nominator: Nominator;

  constructor(plugins: readonly Plugin[], nominator: Nominator) {
    this.#plugins = plugins;
    this.#nominator = nominator;
  }

  /** Runs the plugins' PreFilter in order; the first rejection ends it, sets of node names are intersected. */
  preFilter(view: BaseView, pod: PodInfo): PreFilterOutcome {
    const states: unknown[] = new Array<unknown>(this.#plugins.length).fill(undefined);
    let nodeNames: readonly string[] | undefined;
    const limitedBy: string[] = [];
    for (let i = 0; i < this.#plugins.length; i++) {
      const plugin = this.#plugins[i] as Plugin;
      const result = plugin.preFilter?.(view, pod);
      if (result === undefined) continue;
      if (result.kind === "reject")
        return { kind: "rejected", rejection: result.rejection, plugins: [plugin.name] };
      states[i] = result.kind === "skip" ? SKIPPED : result.state;
      if (result.kind === "skip" || result.nodeNames === undefined) continue;
      limitedBy.push(plugin.name);
      nodeNames = nodeNames === undefined ? result.nodeNames : intersection(nodeNames, result.nodeNames);
      if (nodeNames.length === 0)
        return { kind: "rejected", rejection: noNodeLeft(limitedBy), plugins: limitedBy };
    }
    return { kind: "ready", cycle: { states }, nodeNames, limitedBy: limitedBy.sort() };
  }

  /**
   * Filters for one node. Where pods of the same or a higher priority are nominated there, the node must pass both
   * with and without them: affinity may need their absence, resources their presence.
   */
  filter(view: BaseView, cycle: CycleState, pod: PodInfo, node: number): Rejection | undefined {
    const nominated = this.#nominator.podsOn(node);
    if (nominated !== undefined) {
      const rejection = this.#filterWithNominated(view, cycle, pod, node, nominated);
      if (rejection !== undefined) return rejection;
    }
    return this.#filter(view, cycle, pod, node);
  }

  addPod(overlay: OverlayView, cycle: CycleState, pod: PodInfo, added: PodInfo, node: number): void {
    overlay.addPod(added, node);
    for (let i = 0; i < this.#plugins.length; i++) {
      const state = cycle.states[i];
      if (state !== SKIPPED) (this.#plugins[i] as Plugin).addPod?.(state, overlay, pod, added, node);
    }
  }

  removePod(overlay: OverlayView, cycle: CycleState, pod: PodInfo, removed: PodInfo, node: number): void {
    overlay.removePod(removed, node);
    for (let i = 0; i < this.#plugins.length; i++) {
      const state = cycle.states[i];
      if (state !== SKIPPED) (this.#plugins[i] as Plugin).removePod?.(state, overlay, pod, removed, node);
    }
  }

  /** States without a cloneState are not changed by addPod and removePod, and are shared. */
  clone(cycle: CycleState): CycleState {
    const states = cycle.states.map((state, i) => {
      const plugin = this.#plugins[i] as Plugin;
      return state === SKIPPED || plugin.cloneState === undefined ? state : plugin.cloneState(state);
    });
    return { states };
  }

  #filter(view: BaseView, cycle: CycleState, pod: PodInfo, node: number): Rejection | undefined {
    const plugins = this.#plugins;
    const { states } = cycle;
    for (let i = 0; i < plugins.length; i++) {
      const state = states[i];
      if (state === SKIPPED) continue;
      const rejection = (plugins[i] as Plugin).filter?.(view, pod, node, state);
      if (rejection !== undefined) return rejection;
    }
    return undefined;
  }

  #filterWithNominated(
    view: BaseView,
    cycle: CycleState,
    pod: PodInfo,
    node: number,
    nominated: readonly PodInfo[],
  ): Rejection | undefined {
    const counted = nominated.filter((other) => other !== pod && other.shape.priority >= pod.shape.priority);
    if (counted.length === 0) return undefined;
    const overlay = new Overlay(view);
    const withNominated = this.clone(cycle);
    for (const other of counted) this.addPod(overlay, withNominated, pod, other, node);
    return this.#filter(overlay, withNominated, pod, node);
  }
}

function intersection(a: readonly string[], b: readonly string[]): readonly string[] {
  const other = new Set(b);
  return a.filter((name) => other.has(name));
}

function noNodeLeft(limitedBy: readonly string[]): Rejection {
  const plugins = [...limitedBy].sort();
  const reason =
    plugins.length === 1
      ? `node(s) didn't satisfy plugin ${plugins[0] ?? ""}`
      : `node(s) didn't satisfy plugin(s) [${plugins.join(" ")}] simultaneously`;
  return { plugin: plugins.join(" "), code: "UnschedulableAndUnresolvable", reasons: [reason] };
}
