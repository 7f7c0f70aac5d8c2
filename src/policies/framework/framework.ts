/**
 * One profile of the scheduler at work: PreFilter, Filter, PostFilter, PreScore, Score, NormalizeScore and the choice
 * of the host, as pkg/scheduler/schedule_one.go of v1.34 with parallelism 1. It decides and changes nothing but its
 * own rotating start index and the plugins' memory (Reserve); binding, nominating and evicting are the caller's.
 */
import { assert } from "../../assert.js";
import type { CountedDraws, RandomStreams } from "../../engine/random.js";
import type { SchedulerCache } from "./cache.js";
import { type Diagnosis, diagnosisOf } from "./diagnosis.js";
import { failureText, NO_NODES_MESSAGE, preFilterText, RejectionMap } from "./failure.js";
import { FilterRunner, type PreFilterOutcome } from "./filter-runner.js";
import type { Nominator } from "./nominator.js";
import { Overlay } from "./overlay.js";
import { podNumber } from "./pod-number.js";
import { feasibleNodesToFind } from "./sampling.js";
import { type PluginScores, ScoreRunner } from "./score-runner.js";
import type {
  ClusterEvent,
  CycleState,
  Decision,
  DisruptionBudget,
  Plugin,
  PluginFactory,
  PodInfo,
  PostFilterContext,
  PostFilterResult,
  ProfileSpec,
  QueuedPod,
  QueueEvent,
  Rejection,
} from "./types.js";

/** What profiles of one scheduler share. */
export interface FrameworkContext {
  readonly cache: SchedulerCache;
  readonly nominator: Nominator;
  readonly streams: RandomStreams;
  /** Asked when preemption looks for victims. */
  podDisruptionBudgets(): readonly DisruptionBudget[];
}

/** What one walk over the nodes found. Feasible and rejected nodes are in the framework's buffers. */
export interface Search {
  readonly preFilter: PreFilterOutcome;
  /** The pod's nominated node passed, and nothing else was looked at. */
  readonly nominatedOnly: boolean;
  /** Index into nodeOrder where the walk began. */
  readonly startIndex: number;
  readonly feasible: Int32Array;
  readonly rejected: Int32Array;
  /** `rejections[i]` belongs to `rejected[i]`. */
  readonly rejections: readonly Rejection[];
}

const NO_NODES = new Int32Array(0);

export class SchedulingFramework {
  readonly profile: ProfileSpec;
  readonly #context: FrameworkContext;
  readonly #plugins: ReadonlyMap<string, Plugin>;
  readonly #postFilters: readonly Plugin[];
  readonly #reserving: readonly Plugin[];
  readonly #filters: FilterRunner;
  readonly #scores: ScoreRunner;
  readonly #ties: CountedDraws;
  readonly #preemptionDraws: CountedDraws;
  /** Rotates so that all nodes get their turn when only a sample is looked at. */
  #nextStartIndex = 0;
  /** Reused by every attempt. */
  #feasible = new Int32Array(0);
  #rejected = new Int32Array(0);
  readonly #rejections: Rejection[] = [];

  /** `shelf`: every factory that the profile names, by name. */
  constructor(profile: ProfileSpec, shelf: ReadonlyMap<string, PluginFactory>, context: FrameworkContext) {
    this.profile = profile;
    this.#context = context;
    const pluginContext = { streams: context.streams, resources: context.cache.resources };
    const enabled = profile.plugins.map((entry) => {
      const factory = shelf.get(entry.name);
      assert(
        factory !== undefined,
        `profile ${profile.schedulerName} names ${entry.name}, which is on no shelf`,
      );
      return { entry, plugin: factory.create(profile.args[entry.name], pluginContext) };
    });
    this.#plugins = new Map(enabled.map(({ plugin }) => [plugin.name, plugin]));
    this.#filters = new FilterRunner(
      enabled
        .filter(({ entry, plugin }) => entry.filter && (plugin.preFilter ?? plugin.filter) !== undefined)
        .map(({ plugin }) => plugin),
      context.nominator,
    );
    this.#postFilters = enabled
      .filter(({ entry, plugin }) => entry.postFilter && plugin.postFilter !== undefined)
      .map(({ plugin }) => plugin);
    this.#scores = new ScoreRunner(
      enabled
        .filter(({ entry, plugin }) => entry.scoreWeight > 0 && plugin.score !== undefined)
        .map(({ entry, plugin }) => ({ plugin, weight: entry.scoreWeight })),
    );
    this.#reserving = enabled.map(({ plugin }) => plugin).filter((plugin) => plugin.reserve !== undefined);
    this.#ties = context.streams.counted(`scheduler/ties/${profile.schedulerName}`);
    this.#preemptionDraws = context.streams.counted(`scheduler/preemption/${profile.schedulerName}`);
  }

  /**
   * One scheduling attempt. When it decides on a node, the plugins' Reserve has run; the caller then puts the pod into
   * the cache (assumes it). When preemption nominated a node, the caller evicts the victims, clears lower-priority
   * nominations there and calls {@link nominate}.
   */
  schedule(pod: PodInfo): Decision {
    const { cache } = this.#context;
    if (cache.nodeOrder.length === 0) return noNodes();
    const search = this.#search(pod, true);
    this.#advance(search);
    if (search.feasible.length === 0) return this.#fail(pod, search);
    const node = this.#choose(pod, search.feasible);
    for (const plugin of this.#reserving) plugin.reserve?.(cache, pod, node);
    const feasible = search.feasible.length;
    return { kind: "scheduled", node, feasible, evaluated: feasible + search.rejected.length };
  }

  /**
   * What an attempt would find, node by node, changing nothing: who refused, or how the score came about. Looks at
   * all nodes unless `sampled`, and scores even a single feasible one.
   */
  diagnose(pod: PodInfo, options: { readonly sampled?: boolean } = {}): Diagnosis {
    const search = this.#search(pod, options.sampled === true);
    const details: PluginScores[] = [];
    const { cache } = this.#context;
    const totals = this.#scores.run(cache, pod, search.feasible, details);
    return diagnosisOf(cache, search, totals, details);
  }

  /** Who refuses this one node, in PreFilter or Filter; undefined where it would take the pod. Changes nothing. */
  check(pod: PodInfo, node: number): Rejection | undefined {
    const { cache } = this.#context;
    const preFilter = this.#filters.preFilter(cache, pod);
    if (preFilter.kind === "rejected") return preFilter.rejection;
    const { nodeNames, limitedBy } = preFilter;
    if (nodeNames !== undefined && !nodeNames.includes(cache.node(node).name)) return leftOutBy(limitedBy);
    return this.#filters.filter(cache, preFilter.cycle, pod, node);
  }

  /** Refuses pods that must not enter the active queue (scheduling gates). */
  preEnqueue(pod: PodInfo): Rejection | undefined {
    for (const plugin of this.#plugins.values()) {
      const rejection = plugin.preEnqueue?.(pod);
      if (rejection !== undefined) return rejection;
    }
    return undefined;
  }

  /** The active queue's order: negative when `a` goes first. Without a queue sort plugin: first come, first served. */
  compareQueued(a: QueuedPod, b: QueuedPod): number {
    for (const plugin of this.#plugins.values()) {
      if (plugin.queueSort !== undefined) return plugin.queueSort(a, b);
    }
    return a.sequence - b.sequence;
  }

  /** May the event help a pod that these plugins refused? (isPodWorthRequeuing) */
  mayRequeue(pod: PodInfo, rejectedBy: Iterable<string>, event: QueueEvent): boolean {
    for (const name of rejectedBy) {
      if (!this.listens([name], event.kind)) continue;
      const plugin = this.#plugins.get(name);
      const asked = plugin?.requeueOn?.includes(event.kind) ?? true;
      if (!asked || plugin?.queueingHint?.(pod, event) !== false) return true;
    }
    return false;
  }

  /** Could an event of this kind help a pod that these plugins refused, whatever its object? */
  listens(rejectedBy: Iterable<string>, kind: ClusterEvent): boolean {
    for (const name of rejectedBy) {
      const events = this.#plugins.get(name)?.requeueOn;
      if (events === undefined || events.includes(kind)) return true;
      if (kind === "NodeTaintUpdate" && events.includes("NodeAdd")) return true;
    }
    return false;
  }

  nominate(pod: PodInfo, node: number): void {
    this.#context.nominator.nominate(pod, node);
  }

  denominate(pod: PodInfo): void {
    this.#context.nominator.denominate(pod);
  }

  #search(pod: PodInfo, sampled: boolean): Search {
    const { cache } = this.#context;
    const percentage = sampled ? this.profile.percentageOfNodesToScore : 100;
    const startIndex = sampled ? this.#nextStartIndex : 0;
    const preFilter = this.#filters.preFilter(cache, pod);
    const none = {
      preFilter,
      nominatedOnly: false,
      startIndex,
      feasible: NO_NODES,
      rejected: NO_NODES,
      rejections: [],
    };
    if (preFilter.kind === "rejected") return none;
    const { cycle } = preFilter;
    this.#reserveBuffers(cache.nodeOrder.length);
    const nominated = cache.nodePosition(pod.nominatedNode) >= 0 ? pod.nominatedNode : -1;
    let nominatedRejection: Rejection | undefined;
    if (nominated >= 0) {
      nominatedRejection = this.#filters.filter(cache, cycle, pod, nominated);
      if (nominatedRejection === undefined) {
        return { ...none, nominatedOnly: true, feasible: Int32Array.of(nominated) };
      }
    }
    const nodes = preFilter.nodeNames === undefined ? cache.nodeOrder : this.#nodesNamed(preFilter.nodeNames);
    const one = sampled && !this.#scores.hasScoring;
    const wanted = one ? 1 : feasibleNodesToFind(nodes.length, percentage);
    const feasible = this.#walk(pod, cycle, nodes, startIndex, wanted);
    const rejections = this.#rejections;
    // A nominated node that the walk did not reach was looked at all the same.
    if (
      nominatedRejection !== undefined &&
      !this.#rejected.subarray(0, rejections.length).includes(nominated)
    ) {
      this.#rejected[rejections.length] = nominated;
      rejections.push(nominatedRejection);
    }
    return {
      ...none,
      feasible: this.#feasible.subarray(0, feasible),
      rejected: this.#rejected.subarray(0, rejections.length),
      rejections,
    };
  }

  /**
   * Filters nodes from the start index on, wrapping, until enough feasible ones are found: the one after the last
   * ends the walk and is dropped, as with one worker of kube-scheduler. Returns the number of feasible nodes.
   */
  #walk(pod: PodInfo, cycle: CycleState, nodes: Int32Array, startIndex: number, wanted: number): number {
    const { cache } = this.#context;
    const count = nodes.length;
    const rejections = this.#rejections;
    rejections.length = 0;
    let feasible = 0;
    let at = count === 0 ? 0 : startIndex % count;
    for (let looked = 0; looked < count; looked++) {
      const node = nodes[at] as number;
      at = at + 1 === count ? 0 : at + 1;
      const rejection = this.#filters.filter(cache, cycle, pod, node);
      if (rejection !== undefined) {
        this.#rejected[rejections.length] = node;
        rejections.push(rejection);
      } else {
        if (feasible === wanted) break;
        this.#feasible[feasible++] = node;
      }
    }
    return feasible;
  }

  /** Not after a PreFilter rejection, nor when the nominated node was taken. */
  #advance(search: Search): void {
    if (search.preFilter.kind === "rejected" || search.nominatedOnly) return;
    const looked = search.feasible.length + search.rejected.length;
    this.#nextStartIndex = (this.#nextStartIndex + looked) % this.#context.cache.nodeOrder.length;
  }

  /** Live nodes of these names in nodeOrder. */
  #nodesNamed(names: readonly string[]): Int32Array {
    const { cache } = this.#context;
    const nodes = names.map((name) => cache.nodeByName(name)).filter((node) => node >= 0);
    return Int32Array.from(nodes.sort((a, b) => cache.nodePosition(a) - cache.nodePosition(b)));
  }

  #choose(pod: PodInfo, feasible: Int32Array): number {
    if (feasible.length === 1) return feasible[0] as number;
    const { cache } = this.#context;
    const totals = this.#scores.run(cache, pod, feasible);
    let best = Number.NEGATIVE_INFINITY;
    let ties = 0;
    for (let i = 0; i < feasible.length; i++) {
      const total = totals[i] as number;
      if (total > best) {
        best = total;
        ties = 1;
      } else if (total === best) ties++;
    }
    let skip = 0;
    if (ties > 1 && this.profile.tieBreak === "random")
      skip = Math.floor(this.#ties.uniform(podNumber(pod)) * ties);
    let chosen = -1;
    for (let i = 0; i < feasible.length; i++) {
      if (totals[i] !== best) continue;
      const node = feasible[i] as number;
      if (chosen < 0 || (this.profile.tieBreak === "random" ? skip-- > 0 : this.#goesBefore(node, chosen))) {
        chosen = node;
      }
    }
    return chosen;
  }

  /** Among equals, for the tie rules without chance. */
  #goesBefore(a: number, b: number): boolean {
    const { cache } = this.#context;
    if (this.profile.tieBreak === "name") return cache.node(a).name < cache.node(b).name;
    return cache.nodePosition(a) < cache.nodePosition(b);
  }

  #fail(pod: PodInfo, search: Search): Decision {
    const { cache } = this.#context;
    const { preFilter } = search;
    const nodes = cache.nodeOrder.length;
    const rejections = this.#rejectionsOf(search);
    const plugins = new Set(preFilter.kind === "ready" ? preFilter.limitedBy : preFilter.plugins);
    for (const rejection of search.rejections) plugins.add(rejection.plugin);
    let message =
      preFilter.kind === "rejected"
        ? preFilterText(nodes, preFilter.rejection.reasons.join(", "))
        : failureText(nodes, rejections.values());
    const preemption = this.#postFilter(pod, search, rejections);
    if (preemption !== undefined && preemption.kind !== "nominated") message += ` ${preemption.message}`;
    return {
      kind: "unschedulable",
      message,
      plugins,
      rejections,
      evaluated: search.feasible.length + search.rejected.length,
      preemption,
    };
  }

  /** Every live node's rejection: PreFilter's own for all, or the walk's, and for nodes that PreFilter left out. */
  #rejectionsOf(search: Search): RejectionMap {
    const order = this.#context.cache.nodeOrder;
    const { preFilter } = search;
    if (preFilter.kind === "rejected") return this.#everywhere(preFilter.rejection);
    if (preFilter.nodeNames === undefined)
      return new RejectionMap(search.rejected.slice(), [...search.rejections]);
    const looked = new Set(search.rejected);
    const nodes = [...looked, ...order.filter((node) => !looked.has(node))];
    const leftOut = leftOutBy(preFilter.limitedBy);
    return new RejectionMap(
      Int32Array.from(nodes),
      nodes.map((_, i) => search.rejections[i] ?? leftOut),
    );
  }

  #everywhere(rejection: Rejection): RejectionMap {
    const nodes = this.#context.cache.nodeOrder.slice();
    return new RejectionMap(nodes, new Array<Rejection>(nodes.length).fill(rejection));
  }

  /** The first PostFilter plugin that nominates a node ends the chain; the others' words are kept otherwise. */
  #postFilter(pod: PodInfo, search: Search, rejections: RejectionMap): PostFilterResult | undefined {
    const { preFilter } = search;
    // Refused as a whole, the pod has no filter states that a dry run could use: removing pods does not help.
    const unresolvable =
      preFilter.kind === "rejected"
        ? this.#everywhere({ ...preFilter.rejection, code: "UnschedulableAndUnresolvable" })
        : undefined;
    let result: PostFilterResult | undefined;
    for (const plugin of this.#postFilters) {
      const answer = plugin.postFilter?.(
        this.#postFilterContext(pod, search),
        pod,
        unresolvable ?? rejections,
      );
      if (answer?.kind === "nominated") return answer;
      result ??= answer;
    }
    return result;
  }

  #postFilterContext(pod: PodInfo, search: Search): PostFilterContext {
    let nth = 0;
    const { cache, podDisruptionBudgets } = this.#context;
    const filters = this.#filters;
    const { preFilter } = search;
    return {
      view: cache,
      overlay: () => new Overlay(cache),
      cloneCycle: () => {
        assert(preFilter.kind === "ready", "a pod refused by PreFilter has no cycle");
        return filters.clone(preFilter.cycle);
      },
      filter: (overlay, cycle, filtered, node) => {
        assert(overlay instanceof Overlay, "the overlay is one of this context");
        return filters.filter(overlay, cycle, filtered, node);
      },
      addPod: (overlay, cycle, filtered, added, node) =>
        filters.addPod(overlay, cycle, filtered, added, node),
      removePod: (overlay, cycle, filtered, removed, node) =>
        filters.removePod(overlay, cycle, filtered, removed, node),
      podDisruptionBudgets: podDisruptionBudgets.call(this.#context),
      below: (bound) => Math.floor(this.#preemptionDraws.uniform(podNumber(pod), nth++) * bound),
    };
  }

  #reserveBuffers(nodes: number): void {
    this.#rejections.length = 0;
    if (this.#feasible.length > nodes) return;
    this.#feasible = new Int32Array(2 * nodes + 1);
    this.#rejected = new Int32Array(2 * nodes + 1);
  }
}

/** For nodes that PreFilter's node names leave out. */
export function leftOutBy(plugins: readonly string[]): Rejection {
  return {
    plugin: "PreFilterResult",
    code: "UnschedulableAndUnresolvable",
    reasons: [`node(s) didn't satisfy plugin(s) [${plugins.join(" ")}]`],
  };
}

function noNodes(): Decision {
  return {
    kind: "unschedulable",
    message: NO_NODES_MESSAGE,
    plugins: new Set(),
    rejections: new Map(),
    evaluated: 0,
    preemption: undefined,
  };
}
