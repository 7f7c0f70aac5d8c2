/** PreScore, Score, NormalizeScore and weights of one profile. */
import type { BaseView } from "./cache.js";
import { normalize } from "./normalize.js";
import type { Plugin, PodInfo } from "./types.js";
import { MAX_NODE_SCORE } from "./types.js";

export interface ScorePlugin {
  readonly plugin: Plugin;
  readonly weight: number;
}

/** One plugin's scores in one attempt; `raw[i]` and `normalized[i]` belong to `nodes[i]`. */
export interface PluginScores {
  readonly plugin: string;
  readonly weight: number;
  readonly raw: Float64Array;
  readonly normalized: Float64Array;
}

export class ScoreRunner {
  readonly #plugins: readonly ScorePlugin[];
  /** Reused; overwritten by every attempt. */
  #scores = new Float64Array(0);
  #totals = new Float64Array(0);

  constructor(plugins: readonly ScorePlugin[]) {
    this.#plugins = plugins;
  }

  get hasScoring(): boolean {
    return this.#plugins.length > 0;
  }

  /**
   * Weighted totals of the nodes, `[i]` belonging to `nodes[i]`; valid until the next call. A plugin skipped in
   * PreScore adds 0. `details`, where given, receives what each plugin said.
   */
  run(view: BaseView, pod: PodInfo, nodes: Int32Array, details?: PluginScores[]): Float64Array {
    this.#reserve(nodes.length);
    this.#totals.fill(0, 0, nodes.length);
    for (const { plugin, weight } of this.#plugins) {
      const state = plugin.preScore?.(view, pod, nodes);
      if (state?.kind === "skip") continue;
      this.#score(plugin, view, pod, nodes, state?.state);
      const raw = details === undefined ? undefined : this.#scores.slice(0, nodes.length);
      if (plugin.normalizeScore !== undefined) {
        const scores = this.#scores.subarray(0, nodes.length);
        plugin.normalizeScore(view, pod, nodes, scores, state?.state);
      } else {
        normalize(plugin.normalizer ?? "none", this.#scores, nodes.length);
      }
      this.#addWeighted(plugin, weight, view, nodes);
      if (details !== undefined && raw !== undefined) {
        const normalized = this.#scores.slice(0, nodes.length);
        details.push({ plugin: plugin.name, weight, raw, normalized });
      }
    }
    return this.#totals;
  }

  #score(plugin: Plugin, view: BaseView, pod: PodInfo, nodes: Int32Array, state: unknown): void {
    const scores = this.#scores;
    for (let i = 0; i < nodes.length; i++) {
      scores[i] = plugin.score?.(view, pod, nodes[i] as number, state) ?? 0;
    }
  }

  #addWeighted(plugin: Plugin, weight: number, view: BaseView, nodes: Int32Array): void {
    const scores = this.#scores;
    const totals = this.#totals;
    for (let i = 0; i < nodes.length; i++) {
      const score = scores[i] as number;
      if (!(score >= 0 && score <= MAX_NODE_SCORE && Math.floor(score) === score)) {
        throw new InvalidScoreError(plugin.name, view.node(nodes[i] as number).name, score);
      }
      totals[i] = (totals[i] as number) + score * weight;
    }
  }

  #reserve(count: number): void {
    if (this.#scores.length >= count) return;
    this.#scores = new Float64Array(2 * count);
    this.#totals = new Float64Array(2 * count);
  }
}

/** A plugin gave a score that the framework does not take: the plugin's author must mend it. */
export class InvalidScoreError extends Error {
  override readonly name = "InvalidScoreError";

  constructor(plugin: string, node: string, score: number) {
    super(
      `policy ${plugin} gave node ${node} the score ${score} after normalisation; expected an integer 0..${MAX_NODE_SCORE}` +
        " (round the score, or declare a normalizer)",
    );
  }
}
