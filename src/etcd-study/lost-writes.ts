/**
 * Acknowledged writes that are gone: whenever a group was made anew of a member's copy, what had been acknowledged until
 * then is looked for in that member's history, as soon as it answers.
 */
import type { MemberNumber } from "../etcd/model.js";
import type { EtcdWorld } from "../etcd/world.js";
import type { MetricValue } from "../metrics/replication.js";
import { MILLISECOND, type Micros } from "../units/time.js";
import { numberOf } from "./clients.js";
import type { Leadership } from "./leadership.js";
import type { StudyCell } from "./model.js";
import type { Service } from "./service.js";

interface Recovery {
  readonly member: MemberNumber;
  readonly startUs: Micros;
  /** When the group had lost its quorum; where it had not, when it was given up. */
  readonly lossUs: Micros;
}

export class LostWrites {
  readonly #cell: StudyCell;
  readonly #world: EtcdWorld;
  readonly #service: Service;
  readonly #leadership: Leadership;
  #recovery: Recovery | undefined;
  #recoveries = 0;
  /** `KEY:NUMBER`: what one recovery has lost is not lost again in the next. */
  readonly #lost = new Set<string>();
  #oldestUs: Micros = 0;

  constructor(cell: StudyCell, world: EtcdWorld, service: Service, leadership: Leadership) {
    this.#cell = cell;
    this.#world = world;
    this.#service = service;
    this.#leadership = leadership;
  }

  /** The group is about to be made anew of this member's copy. */
  recovering(member: MemberNumber): void {
    const startUs = this.#world.now;
    const lossUs =
      this.#leadership.leader === undefined ? (this.#leadership.quorumLostUs ?? startUs) : startUs;
    this.#recovery = { member, startUs, lossUs };
  }

  ready(member: MemberNumber): void {
    const recovery = this.#recovery;
    if (recovery?.member !== member) return;
    this.#recovery = undefined;
    this.#recoveries++;
    const there = this.#valuesOf(member);
    for (const { op, key } of this.#cell.clients) {
      if (op !== "put") continue;
      const numbers = there.get(key);
      this.#service.acknowledged(key)?.forEachBy(recovery.startUs, (number, atUs) => {
        if (numbers?.has(number) === true || this.#lost.has(`${key}:${number}`)) return;
        this.#lost.add(`${key}:${number}`);
        this.#oldestUs = Math.max(this.#oldestUs, recovery.lossUs - atUs);
      });
    }
  }

  /** Only where a group was made anew. */
  metrics(): MetricValue[] {
    if (this.#recoveries === 0) return [];
    return [
      { metric: "lostWrites", of: "clients", value: this.#lost.size, unit: "writes" },
      { metric: "lostAge", of: "clients", value: this.#oldestUs / MILLISECOND, unit: "ms" },
    ];
  }

  /** Numbers of the writes in a member's history, by key. */
  #valuesOf(member: MemberNumber): Map<string, Set<number>> {
    const values = new Map<string, Set<number>>();
    for (const { type, kv } of this.#world.group.member(member).store?.eventsFrom(0) ?? []) {
      if (type !== "put") continue;
      const numbers = values.get(kv.key) ?? new Set<number>();
      values.set(kv.key, numbers.add(numberOf(kv.value)));
    }
    return values;
  }
}
