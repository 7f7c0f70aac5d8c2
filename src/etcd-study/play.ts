/** Plays one cell of a study once: the same cell, seed and replication give the same run, wherever it is played. */
import { present } from "../assert.js";
import { RunDigest } from "../engine/digest.js";
import type { ClientHost } from "../etcd/client.js";
import type { MemberNumber } from "../etcd/model.js";
import { EtcdWorld } from "../etcd/world.js";
import type { MetricValue } from "../metrics/replication.js";
import { type Micros, SECOND } from "../units/time.js";
import { startClient } from "./clients.js";
import { Faults } from "./faults.js";
import { Happenings } from "./happenings.js";
import { Leadership } from "./leadership.js";
import { LostWrites } from "./lost-writes.js";
import type { EtcdStudyModel, StudyCell } from "./model.js";
import { Operator } from "./operator.js";
import type { ElectionRow, EtcdReplication, OccurrenceRow } from "./results.js";
import { Service } from "./service.js";

const ROLES = { follower: 0, "pre-candidate": 1, candidate: 2, leader: 3 } as const;

/** What the numbers of a digest stand for. */
const DIGEST = { role: 1, process: 2, answer: 3 } as const;

/**
 * Plays a cell. The cell's name is no part of any draw's address, so that all cells of a replication meet the same chance
 * as far as they have the same members, clients and events.
 */
export function playCell(study: EtcdStudyModel, cellIndex: number, replication: number): EtcdReplication {
  const cell = present(study.cells[cellIndex], `cell ${cellIndex} is in the study`);
  const run = new Run(cell, `${study.seed}/${replication}`);
  run.play();
  const { elections, occurrences, digest, steps } = run;
  return { cell: cell.name, replication, metrics: run.metrics(), elections, occurrences, digest, steps };
}

class Run {
  readonly #cell: StudyCell;
  readonly #world: EtcdWorld;
  readonly #leadership: Leadership;
  readonly #service: Service;
  readonly #happenings: Happenings;
  readonly #lost: LostWrites;
  readonly #digest = new RunDigest();

  constructor(cell: StudyCell, seed: string) {
    this.#cell = cell;
    const leadership = new Leadership(cell.etcd, cell.warmUpUs, () => this.#happenings.hasLeader());
    this.#leadership = leadership;
    this.#world = new EtcdWorld(cell.etcd, seed, {
      role: (member, role, before, term) => {
        leadership.role(member, role, before, term);
        this.#mix(DIGEST.role, member, ROLES[role], term);
      },
      process: (member, isUp) => {
        leadership.look();
        this.#mix(DIGEST.process, member, isUp ? 1 : 0, 0);
      },
      ready: (member) => {
        leadership.look();
        this.#lost.ready(member);
      },
    });
    leadership.attach(this.#world);
    this.#service = new Service(
      cell,
      (startUs, endUs) => this.#happenings.wrote(startUs, endUs),
      (record) => this.#mix(DIGEST.answer, record.member, record.ok ? 1 : 0, record.number),
    );
    this.#lost = new LostWrites(cell, this.#world, this.#service, leadership);
    this.#happenings = this.#makeHappenings();
  }

  get elections(): readonly ElectionRow[] {
    return this.#leadership.elections;
  }

  get occurrences(): readonly OccurrenceRow[] {
    return this.#happenings.rows;
  }

  get digest(): string {
    return this.#digest.hex();
  }

  get steps(): number {
    return this.#world.simulation.steps;
  }

  play(): void {
    const { clients, horizonUs, etcd } = this.#cell;
    this.#world.group.start();
    const hosts = new Map<number, ClientHost>();
    for (const plan of clients) {
      const host = hosts.get(plan.host) ?? this.#world.clientHost(plan.host);
      hosts.set(plan.host, host);
      startClient(plan, host, etcd, this.#world.streams, this.#service);
    }
    this.#happenings.start();
    this.#world.run(horizonUs);
  }

  /** At the horizon, once. */
  metrics(): MetricValue[] {
    return [
      ...this.#groupMetrics(),
      ...this.#service.metrics(),
      ...this.#lost.metrics(),
      ...this.#cell.events.flatMap(({ name }) =>
        eventMetrics(
          name,
          this.occurrences.filter((row) => row.event === name),
          this.#cell.horizonUs,
        ),
      ),
    ];
  }

  #makeHappenings(): Happenings {
    const world = this.#world;
    const operator = new Operator(this.#cell, world, this.#leadership);
    const faults = new Faults(this.#cell, world, operator, (member) => this.#lost.recovering(member));
    return new Happenings(this.#cell, world.streams, {
      get now() {
        return world.now;
      },
      at: (timeUs, action) => world.at(timeUs, action),
      strike: (event, occurrence) =>
        faults.strike(event.action, this.#cell.events.indexOf(event), occurrence),
      changed: () => {
        this.#leadership.look();
        if (this.#leadership.leader !== undefined) this.#happenings.hasLeader();
      },
    });
  }

  #groupMetrics(): MetricValue[] {
    const { warmUpUs } = this.#cell;
    const counted = this.elections.filter(({ atUs }) => atUs >= warmUpUs);
    const times = (metric: string, value: number): MetricValue => ({
      metric,
      of: "group",
      value,
      unit: "times",
    });
    return [
      times("elections", counted.length),
      times("falseElections", counted.filter(({ cause }) => cause === "unnecessary").length),
      times("leaderChanges", counted.filter(({ leader, before }) => leader !== before).length),
      times("campaigns", this.#leadership.campaigns),
      { metric: "terms", of: "group", value: this.#leadership.terms, unit: "terms" },
      { metric: "leaderless", of: "group", value: this.#leadership.leaderlessUs / SECOND, unit: "s" },
    ];
  }

  #mix(what: number, member: MemberNumber, value: number, number: number): void {
    this.#digest.add(this.#world.now);
    this.#digest.add((member * 8 + what) * 8 + value);
    this.#digest.add(number);
  }
}

/** How long each occurrence took to get over, the mean and the longest; a lower bound where one was not got over. */
function eventMetrics(name: string, rows: readonly OccurrenceRow[], horizonUs: Micros): MetricValue[] {
  const of = `event/${name}`;
  const count: MetricValue = { metric: "occurrences", of, value: rows.length, unit: "times" };
  if (rows.length === 0) return [count];
  return [
    count,
    ...spanMetrics(
      "timeToLeader",
      of,
      rows.map(({ leaderUs, atUs }) => ({ us: leaderUs, atUs })),
      horizonUs,
    ),
    ...spanMetrics(
      "timeToWrite",
      of,
      rows.map(({ writeUs, atUs }) => ({ us: writeUs, atUs })),
      horizonUs,
    ),
  ];
}

function spanMetrics(
  metric: string,
  of: string,
  spans: readonly { readonly us: Micros | null; readonly atUs: Micros }[],
  horizonUs: Micros,
): MetricValue[] {
  const known = spans.map(({ us, atUs }) => us ?? horizonUs - atUs);
  const isOpen = spans.some(({ us }) => us === null) ? { censored: true } : {};
  const mean = known.reduce((sum, us) => sum + us, 0) / known.length;
  const figures: [string, number][] = [[metric, mean]];
  if (known.length > 1) figures.push([`${metric}Max`, Math.max(...known)]);
  return figures.map(([name, us]) => ({ metric: name, of, value: us / SECOND, unit: "s", ...isOpen }));
}
