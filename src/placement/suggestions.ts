/**
 * What would have to change for a pod to fit. Every suggestion has been tried on a copy of the cluster, and none of
 * its changes can be left out.
 */
import { isTolerated } from "../api/tolerations.js";
import type { Rejection } from "../policies/framework/types.js";
import { type Change, isPodChange } from "./changes.js";
import { podKey } from "./cluster.js";
import { type Fix, fixesFor, type Side } from "./fixes.js";
import { shortagesOf } from "./fixes-resources.js";
import type { Sandbox } from "./sandbox.js";

/** All `changes` together make the pod fit; no other suggestion is needed. */
export interface Suggestion {
  readonly changes: readonly Change[];
  /**
   * Nodes that would then take the pod: all of them, in node order, where only the pod is changed, else the one that
   * the changes are about.
   */
  readonly nodes: readonly string[];
}

export interface SuggestOptions {
  /** Only what makes the pod fit on this node. */
  readonly node?: string;
  /** How many nodes are tried; 12 by default. */
  readonly candidates?: number;
}

const CANDIDATES = 12;
/** Nodes tried of each refusal, so that a rare one is not crowded out by a frequent one. */
const CANDIDATES_PER_REFUSAL = 3;
/** Nodes after whose picture a new one is tried. */
const NEW_NODES = 2;
const SUGGESTIONS_MAX = 12;
/** Suggestions that differ only in the node or the amount. */
const ALIKE_MAX = 2;
const ROUNDS_MAX = 8;
/** Work allowed for one pod, in node checks: from here on nothing further is tried. */
const WORK_MAX = 2000;

/** Whose changes are taken where there is a choice, and which of several of one side. */
interface Taste {
  readonly order: readonly Side[];
  readonly last: boolean;
}

const TASTES: readonly Taste[] = [
  { order: ["pod", "node", "evict"], last: false },
  { order: ["pod", "node", "evict"], last: true },
  { order: ["node", "pod", "evict"], last: false },
  { order: ["evict", "pod", "node"], last: false },
];

/** Suggestions for the pod that the sandbox holds, simplest first; none where it fits already. */
export function suggest(sandbox: Sandbox, options: SuggestOptions = {}): Suggestion[] {
  return new Search(sandbox, options).run();
}

interface Found {
  readonly changes: readonly Change[];
  /** The node that they are for. */
  readonly node: string;
}

class Search {
  readonly #sandbox: Sandbox;
  readonly #options: SuggestOptions;
  readonly #base: number;
  readonly #start: number;
  readonly #found: Found[] = [];

  constructor(sandbox: Sandbox, options: SuggestOptions) {
    this.#sandbox = sandbox;
    this.#options = options;
    this.#base = sandbox.mark();
    this.#start = sandbox.work;
  }

  run(): Suggestion[] {
    const { pod } = this.#sandbox;
    const gates: Change[] =
      this.#sandbox.gate() === undefined
        ? []
        : [{ kind: "removeSchedulingGates", pod: podKey(pod), gates: pod.spec.schedulingGates }];
    for (const gate of gates) this.#sandbox.apply(gate);
    const open = this.#sandbox.mark();
    const { fits, refused } = this.#refusals();
    if (fits) {
      this.#sandbox.back(this.#base);
      return gates.length === 0 ? [] : this.#tried([{ changes: gates, node: "" }]);
    }
    const candidates = this.#candidates(refused);
    for (const node of candidates) {
      for (const taste of TASTES) {
        if (!this.#isTired()) this.#add(gates, this.#repair(node, taste, open), node);
      }
    }
    if (this.#options.node === undefined) {
      for (const like of candidates.slice(0, NEW_NODES)) this.#addNodeLike(gates, like, open);
    }
    this.#sandbox.back(this.#base);
    return this.#tried(simplestFirst(this.#found));
  }

  #isTired(): boolean {
    return this.#sandbox.work - this.#start > WORK_MAX;
  }

  /** Refused nodes with who refused them, in node order. */
  #refusals(): { readonly fits: boolean; readonly refused: ReadonlyMap<string, Rejection | undefined> } {
    const { cluster, info } = this.#sandbox;
    const { cache } = cluster;
    const { nodes, preFilter } = cluster.framework(info)?.diagnose(info) ?? {
      nodes: [],
      preFilter: undefined,
    };
    const refused = new Map<string, Rejection | undefined>();
    for (const node of cache.nodeOrder) refused.set(cache.node(node).name, preFilter);
    let fits = false;
    for (const node of nodes) {
      const { name } = cache.node(node.node);
      if (node.kind === "rejected") refused.set(name, node.rejection);
      else {
        refused.delete(name);
        fits ||= this.#options.node === undefined || this.#options.node === name;
      }
    }
    return { fits, refused };
  }

  /** The nodes that lack least, not more than a few for each refusal. */
  #candidates(refused: ReadonlyMap<string, Rejection | undefined>): string[] {
    const { node, candidates = CANDIDATES } = this.#options;
    if (node !== undefined) return [node];
    const perRefusal = new Map<string, number>();
    return [...refused]
      .map(([name, rejection]) => ({ name, rejection, ...this.#distance(name) }))
      .sort((a, b) => a.obstacles - b.obstacles || a.lack - b.lack)
      .filter(({ rejection }) => {
        const key = `${rejection?.plugin}: ${rejection?.reasons.join()}`;
        const count = perRefusal.get(key) ?? 0;
        perRefusal.set(key, count + 1);
        return count < CANDIDATES_PER_REFUSAL;
      })
      .slice(0, candidates)
      .map(({ name }) => name);
  }

  /** How far a node is from taking the pod, as far as the node alone shows. */
  #distance(name: string): { readonly obstacles: number; readonly lack: number } {
    const { cluster, info } = this.#sandbox;
    const { cache } = cluster;
    const id = cluster.nodeId(name);
    const facts = cache.node(id);
    const { tolerations, nodeAffinity, hostPorts } = info.shape;
    let obstacles = facts.taints.filter(
      (taint) => taint.effect !== "PreferNoSchedule" && !isTolerated(tolerations, taint),
    ).length;
    if (facts.unschedulable) obstacles++;
    if (nodeAffinity !== undefined && !nodeAffinity(facts)) obstacles++;
    if (hostPorts.length > 0 && cache.portsConflict(id, hostPorts)) obstacles++;
    let lack = 0;
    for (const { by, requested } of shortagesOf(cluster, info, id)) {
      obstacles++;
      lack += by / requested;
    }
    return { obstacles, lack };
  }

  /** Takes one refusal after the other away until the node takes the pod; undefined where one cannot be. */
  #repair(node: string, taste: Taste, from: number): Change[] | undefined {
    const sandbox = this.#sandbox;
    const changes: Change[] = [];
    const seen = new Set<string>();
    let done = false;
    for (let round = 0; round < ROUNDS_MAX; round++) {
      const refusal = sandbox.check(node);
      done = refusal === undefined;
      if (refusal === undefined) break;
      const fix = this.#fix(node, refusal, taste, seen);
      if (fix === undefined) break;
      seen.add(JSON.stringify(fix.changes));
      for (const change of fix.changes) sandbox.apply(change);
      changes.push(...fix.changes);
    }
    sandbox.back(from);
    return done ? changes : undefined;
  }

  /** The first side with something to propose that was not tried yet. */
  #fix(node: string, refusal: Rejection, { order, last }: Taste, seen: ReadonlySet<string>): Fix | undefined {
    for (const side of order) {
      const fixes = fixesFor(this.#sandbox, node, refusal, side);
      const ways = fixes.filter(({ changes }) => !seen.has(JSON.stringify(changes)));
      const way = last ? ways.at(-1) : ways[0];
      if (way !== undefined) return way;
    }
    return undefined;
  }

  /** A further node like this one, with what the pod would need there. */
  #addNodeLike(gates: readonly Change[], like: string, open: number): void {
    const sandbox = this.#sandbox;
    let name = `${like}-new`;
    while (sandbox.cluster.node(name) !== undefined) name += "-new";
    const addition: Change = { kind: "addNode", name, like };
    sandbox.apply(addition);
    const taste: Taste = { order: ["pod"], last: false };
    const rest = this.#repair(name, taste, sandbox.mark());
    sandbox.back(open);
    if (rest !== undefined) this.#add(gates, [addition, ...rest], name);
  }

  /** Keeps the changes, without those that are not needed for the node. */
  #add(gates: readonly Change[], changes: readonly Change[] | undefined, node: string): void {
    if (changes === undefined) return;
    let needed = changes;
    if (changes.length > 1) {
      for (const change of changes) {
        if (change.kind === "addNode") continue;
        const without = needed.filter((other) => other !== change);
        if (without.length > 0 && this.#works([...gates, ...without], node)) needed = without;
      }
    }
    this.#found.push({ changes: [...gates, ...needed], node });
  }

  #works(changes: readonly Change[], node: string): boolean {
    const mark = this.#sandbox.mark();
    for (const change of changes) this.#sandbox.apply(change);
    const works = this.#sandbox.check(node) === undefined;
    this.#sandbox.back(mark);
    return works;
  }

  /** Asks for all nodes that changes of the pod would open. */
  #tried(found: readonly Found[]): Suggestion[] {
    return found.flatMap(({ changes, node }) => {
      if (!changes.every(isPodChange)) return [{ changes, nodes: [node] }];
      for (const change of changes) this.#sandbox.apply(change);
      const nodes = this.#sandbox.feasible();
      this.#sandbox.back(this.#base);
      return [{ changes, nodes }];
    });
  }
}

/** Without repetitions, without those that contain another, few of a kind, fewest changes first. */
function simplestFirst(found: readonly Found[]): Found[] {
  const ordered = found
    .map((one) => ({ ...one, keys: new Set(one.changes.map((change) => JSON.stringify(change))) }))
    .sort((a, b) => a.keys.size - b.keys.size);
  const kept: typeof ordered = [];
  const alike = new Map<string, number>();
  for (const candidate of ordered) {
    if (kept.some(({ keys }) => [...keys].every((key) => candidate.keys.has(key)))) continue;
    const kind = candidate.changes.map(kindOf).join();
    const count = alike.get(kind) ?? 0;
    if (count >= ALIKE_MAX) continue;
    alike.set(kind, count + 1);
    kept.push(candidate);
  }
  return kept.slice(0, SUGGESTIONS_MAX);
}

/** What a change is about, without the node and the amount. */
function kindOf(change: Change): string {
  const { kind } = change;
  if ("resource" in change) return `${kind} ${change.resource}`;
  if ("key" in change) return `${kind} ${change.key}`;
  if ("topologyKey" in change) return `${kind} ${change.topologyKey}`;
  if ("toleration" in change) return `${kind} ${JSON.stringify(change.toleration)}`;
  if ("taint" in change) return `${kind} ${JSON.stringify(change.taint)}`;
  return kind;
}
