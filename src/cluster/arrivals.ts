/** Bare pods that users create while the run goes on. */
import { assert } from "../assert.js";
import { type Micros, SECOND } from "../units/time.js";
import { type Arrival, generateArrivals } from "../workload/generators.js";
import type { ApiClient, ClusterCore } from "./core.js";
import type { ArrivalModel } from "./model.js";
import type { NewPod } from "./store.js";
import { firstCentreWithApi } from "./users.js";

/** A refused or unanswered creation is tried again after this. A name that is taken by then was made after all. */
const RETRY_US: Micros = SECOND;
/** An event's detail is 2 × ordinal in the list, +1 for a retry, which schedules no successor. */
const RETRY_BIT = 1;

interface Source {
  readonly model: ArrivalModel;
  readonly list: readonly Arrival[];
}

export class Arrivals {
  readonly #core: ClusterCore;
  readonly #client: ApiClient;
  readonly #sources: readonly Source[];

  constructor(core: ClusterCore) {
    this.#core = core;
    this.#client = core.api.client("users", () => firstCentreWithApi(core), 0, 0);
    this.#sources = core.model.arrivals.map((model) => ({
      model,
      list: generateArrivals(model, core.streams, core.model.horizonUs),
    }));
  }

  /** Puts the first arrival of each source on the event list; each brings its successor. */
  start(): void {
    for (let source = 0; source < this.#sources.length; source++) this.#schedule(source, 0);
  }

  readonly handlers = {
    arrival: (source: number, detail: number) => this.#arrive(source, detail),
  };

  #schedule(source: number, index: number): void {
    const { sim } = this.#core;
    const arrival = this.#sources[source]?.list[index];
    if (arrival !== undefined) sim.schedule(arrival.atUs, sim.kinds.arrival, source, 2 * index);
  }

  #arrive(source: number, detail: number): void {
    const { sim } = this.#core;
    const index = Math.floor(detail / 2);
    if (detail % 2 !== RETRY_BIT) this.#schedule(source, index + 1);
    this.#client.submit({ type: "createPod", pod: this.#podOf(source, index) }, (outcome) => {
      if (outcome === "ok" || outcome === "conflict") return;
      sim.after(RETRY_US, sim.kinds.arrival, source, 2 * index + RETRY_BIT);
    });
  }

  #podOf(source: number, index: number): NewPod {
    const { model, list } = this.#sources[source] ?? {};
    const arrival = list?.[index];
    const kind = arrival === undefined ? undefined : model?.classes[arrival.template];
    assert(model !== undefined && arrival !== undefined && kind !== undefined, "an arrival has a class");
    return {
      namespace: kind.namespace,
      name: `${model.name}-${arrival.ordinal}`,
      workload: `arrival/${model.name}`,
      template: kind.template,
      owner: { kind: "None" },
      ordinal: arrival.ordinal,
      incarnation: 0,
      revision: 0,
      onlyNode: -1,
      durationUs: withinRun(arrival.durationUs, this.#core.model.horizonUs),
    };
  }
}

/** What outlasts the run need not end; a heavy tail may draw times that the clock has no numbers for. */
function withinRun(durationUs: Micros | undefined, horizonUs: Micros): Micros {
  return durationUs === undefined || durationUs > horizonUs ? Number.POSITIVE_INFINITY : durationUs;
}
