/**
 * Where users enter. Those of a centre that has gone dark fail until health checks and DNS have sent them to the next
 * lit one (of the same site first); after its return they go back with the same delay.
 */
import { assert } from "../assert.js";
import type { ClusterCore } from "./core.js";

interface Entry {
  /** Centre where the users enter now. */
  at: number;
  /** Where they are on their way to, or -1. */
  goingTo: number;
  generation: number;
}

export class UserEntries {
  readonly #core: ClusterCore;
  readonly #entries: readonly Entry[];
  /** For each centre all centres, in the order in which its users prefer them. */
  readonly #preferences: readonly (readonly number[])[];
  readonly #listeners: ((home: number) => void)[] = [];

  constructor(core: ClusterCore) {
    const { centres } = core.model.topology;
    this.#core = core;
    this.#entries = centres.map(({ id }) => ({ at: id, goingTo: -1, generation: 0 }));
    this.#preferences = centres.map((home) => {
      const distance = ({ id, site }: (typeof centres)[number]): number =>
        id === home.id ? 0 : site === home.site ? 1 : 2;
      return [...centres].sort((a, b) => distance(a) - distance(b) || a.id - b.id).map(({ id }) => id);
    });
  }

  /** The centre where the users of `home` enter, or -1 while it is dark and they fail. */
  entryOf(home: number): number {
    const at = this.#entry(home).at;
    return this.#core.network.centreLit(at) ? at : -1;
  }

  /** `listener` hears when the users of a centre enter elsewhere. */
  onChange(listener: (home: number) => void): void {
    this.#listeners.push(listener);
  }

  /** Some centre may have gone dark or come back. */
  networkChanged(): void {
    for (let home = 0; home < this.#entries.length; home++) this.#consider(home);
  }

  readonly handlers = {
    /** Subject: home centre. */
    "entry-failover": (home: number, generation: number) => this.#arrive(home, generation),
  };

  #consider(home: number): void {
    const { network, sim, noise, model } = this.#core;
    const entry = this.#entry(home);
    const wanted = this.#preferences[home]?.find((centre) => network.centreLit(centre)) ?? entry.at;
    if (wanted === entry.at) {
      // Back before anybody had moved, or nowhere to go.
      entry.goingTo = -1;
      entry.generation++;
    } else if (wanted !== entry.goingTo) {
      entry.goingTo = wanted;
      const delay = noise.us("entry-failover", model.network.entryFailoverUs);
      sim.after(delay, sim.kinds["entry-failover"], home, ++entry.generation);
    }
  }

  #arrive(home: number, generation: number): void {
    const entry = this.#entry(home);
    if (entry.generation !== generation) return;
    entry.at = entry.goingTo;
    entry.goingTo = -1;
    for (const listener of this.#listeners) listener(home);
  }

  #entry(home: number): Entry {
    const entry = this.#entries[home];
    assert(entry !== undefined, `centre ${home} exists`);
    return entry;
  }
}
