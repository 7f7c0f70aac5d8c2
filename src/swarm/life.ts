/** Plays one life: builds the group, has its clients and faults at it, heals it, demands progress, and checks what was seen. */
import { AssertionError, unreachable } from "../assert.js";
import type { ClientHost } from "../etcd/client.js";
import { type ClientRecord, History, outcomeClass, targetOf } from "../etcd/client-record.js";
import { LeaseHolder } from "../etcd/lease-holder.js";
import { MixedClient } from "../etcd/mixed-client.js";
import type { HostId, MemberNumber } from "../etcd/model.js";
import { Watcher } from "../etcd/watcher.js";
import { EtcdWorld } from "../etcd/world.js";
import { RaftViolation } from "../raft/checkers.js";
import { MILLISECOND, type Micros, SECOND } from "../units/time.js";
import { Counter, type Counts } from "./counts.js";
import { Faults } from "./faults.js";
import { checkHistories } from "./histories.js";
import { LifeObserver } from "./observer.js";
import type { ClientPlan, LifePlan } from "./plan.js";
import { plant } from "./plants.js";
import type { Script } from "./script.js";
import { Truth } from "./truth.js";
import { LifeViolation } from "./violation.js";

/** What went wrong in a life. */
export interface Finding {
  /** The broken rule's short name. */
  readonly rule: string;
  readonly text: string;
  readonly atUs: Micros;
}

export interface LifeResult {
  readonly finding: Finding | undefined;
  readonly counts: Counts;
  readonly operations: number;
  /** Events handled. */
  readonly events: number;
  readonly lastedUs: Micros;
  /** From the last fault's end until all was well. */
  readonly healedAfterUs: Micros;
  /** Histories that were too hard to decide. */
  readonly undecided: number;
}

const POLL_US: Micros = 500 * MILLISECOND;
/** Whatever was in flight when the clients stopped has ended by then. */
const DRAIN_US: Micros = 4 * SECOND;

/** The same plan gives the same result. Never throws because of the life. */
export function playLife(plan: LifePlan): LifeResult {
  const life = new Life(plan);
  let finding: Finding | undefined;
  try {
    life.play();
  } catch (error) {
    finding = { ...findingOf(error), atUs: life.world.now };
  }
  life.counter.tcp(life.world.network.tally);
  return {
    finding,
    counts: life.counter.counts,
    operations: life.history.records.length,
    events: life.world.simulation.steps,
    lastedUs: life.world.now,
    healedAfterUs: life.healedAfterUs,
    undecided: life.undecided,
  };
}

function findingOf(error: unknown): { rule: string; text: string } {
  if (error instanceof LifeViolation) return { rule: error.rule, text: error.message };
  if (error instanceof RaftViolation) return { rule: error.property, text: error.message };
  if (error instanceof Error) {
    const rule = error instanceof AssertionError ? "assertion" : "crash";
    return { rule, text: error.stack ?? error.message };
  }
  return { rule: "crash", text: String(error) };
}

interface Stoppable {
  stop(): void;
}

/** Notes what was known when a read that may be stale began. */
class LifeHistory extends History {
  /** Such reads that were answered with an older revision than somebody had already seen. */
  staleReads = 0;
  #knownRevision = 0;
  readonly #knownAt = new Map<ClientRecord, number>();

  override begun(record: ClientRecord): void {
    super.begun(record);
    if (record.op === "ser") this.#knownAt.set(record, this.#knownRevision);
  }

  ended(record: ClientRecord): void {
    const revision = record.response?.header.revision ?? 0;
    if (record.ok && revision < (this.#knownAt.get(record) ?? 0)) this.staleReads++;
    this.#knownAt.delete(record);
    if (record.ok && record.op !== "ser") this.#knownRevision = Math.max(this.#knownRevision, revision);
  }
}

class Life {
  readonly counter = new Counter();
  readonly history = new LifeHistory();
  readonly world: EtcdWorld;
  healedAfterUs = 0;
  undecided = 0;
  readonly #plan: LifePlan;
  readonly #truth = new Truth();
  readonly #observer: LifeObserver;
  readonly #faults: Faults;
  readonly #hosts: ClientHost[] = [];
  readonly #mixed: MixedClient[] = [];
  readonly #watchers: { readonly name: string; readonly watcher: Watcher }[] = [];
  readonly #clients: Stoppable[] = [];
  /** Voters through which a write succeeded after all was healed. */
  readonly #proven = new Set<MemberNumber>();

  #areClientsStopped = false;

  constructor(plan: LifePlan) {
    this.#plan = plan;
    this.#observer = new LifeObserver(plan.model, this.counter, this.#truth);
    this.world = new EtcdWorld(plan.model, plan.seed, this.#observer.callbacks);
    this.#observer.attach(this.world);
    if (plan.plant !== undefined) plant(this.world, plan.plant);
    this.#countUntold();
    this.#faults = new Faults(plan, this.world, this.#observer, this.counter, this.history);
    for (const client of plan.clients) this.#addClient(client);
  }

  play(): void {
    const { faultsEndUs } = this.#plan;
    this.world.group.start();
    this.world.run(faultsEndUs);
    this.#faults.heal();
    this.#faults.admin.run(this.#proveAll());
    this.#runUntil(
      "progress",
      () => this.#isWell && this.history.records.length >= this.#plan.operationsLeast,
    );
    this.healedAfterUs = this.world.now - faultsEndUs;
    this.#areClientsStopped = true;
    for (const client of this.#clients) client.stop();
    this.#faults.end();
    this.world.run(this.world.now + DRAIN_US);
    this.#runUntil("agreement", () => this.#areEqual);
    for (const member of this.#faults.living) this.#observer.compare(member);
    this.#countOutcomes();
    this.#checkHistories();
  }

  #addClient(client: ClientPlan): void {
    const { model } = this.#plan;
    const { name, timeoutUs, startUs } = client;
    const targets = client.targets.map((member) => targetOf(model, member));
    const host = this.#hostOf(client.host);
    const base = { client: name, sink: this.history, targets, timeoutUs, startUs };
    switch (client.type) {
      case "mixed": {
        const { keys, pauseUs, leaseTtl, operationsMost, weights } = client;
        const rest = {
          streams: this.world.streams,
          keys,
          pauseUs,
          leaseTtl,
          pauseAfterFailureUs: 100 * MILLISECOND,
        };
        const count = operationsMost === undefined ? {} : { count: operationsMost };
        const mixed = new MixedClient(host, {
          ...base,
          ...rest,
          ...count,
          ...(weights === undefined ? {} : { weights }),
        });
        this.#mixed.push(mixed);
        this.#clients.push(mixed);
        return;
      }
      case "watcher": {
        const { progressNotify, silenceUs } = client;
        const watcher = new Watcher(host, {
          client: name,
          targets,
          key: "\0",
          rangeEnd: "\0",
          startRevision: 1,
          openTimeoutUs: timeoutUs,
          retryPauseUs: 200 * MILLISECOND,
          progressNotify,
          startUs,
          ...(silenceUs === undefined ? {} : { silenceUs }),
        });
        this.#watchers.push({ name, watcher });
        this.#clients.push(watcher);
        return;
      }
      case "lease-holder":
        this.#clients.push(
          new LeaseHolder(host, { ...base, ttl: client.ttl, retryPauseUs: 200 * MILLISECOND }),
        );
        return;
      default:
        unreachable(client);
    }
  }

  /** One client process a host. */
  #hostOf(host: HostId): ClientHost {
    let client = this.#hosts[host];
    if (client === undefined) {
      client = this.world.clientHost(host);
      this.#hosts[host] = client;
    }
    return client;
  }

  #runUntil(what: string, isDone: () => boolean): void {
    const deadlineUs = this.#plan.faultsEndUs + this.#plan.healingMostUs;
    while (!isDone()) {
      if (this.world.now >= deadlineUs) throw new LifeViolation(what, this.#describe());
      this.world.run(this.world.now + POLL_US);
      this.#faults.keepUp();
    }
  }

  /** A write through each voter, whoever that is in the end. */
  *#proveAll(): Script {
    while (!this.#areClientsStopped) {
      const next = this.#voters.find((member) => !this.#proven.has(member));
      if (next === undefined) {
        yield { type: "rest", forUs: POLL_US };
        continue;
      }
      const request = { type: "put", key: `proof/${next}`, value: `proof:${this.world.now}` } as const;
      const outcome = yield { type: "ask", member: next, request };
      if (outcome?.type === "put") this.#proven.add(next);
      else yield { type: "rest", forUs: POLL_US };
    }
  }

  get #voters(): readonly MemberNumber[] {
    const { voters } = this.#observer.configuration;
    return this.#faults.living.filter((member) => voters.includes(member + 1));
  }

  get #isWell(): boolean {
    return this.#voters.every((member) => this.#proven.has(member));
  }

  get #areEqual(): boolean {
    const members = this.#faults.living.map((member) => this.world.group.member(member));
    const index = members[0]?.appliedIndex;
    return (
      this.#faults.areBurstsOver &&
      members.every((member) => member.appliedIndex === index && member.lastLogIndex === index)
    );
  }

  #describe(): string {
    const { group } = this.world;
    const members = this.#plan.model.members.map((_, number) => {
      const { isUp, isReady, role, term, leader, commitIndex, appliedIndex, lastLogIndex } =
        group.member(number);
      return `member ${number}: ${JSON.stringify({ isUp, isReady, role, term, leader, commitIndex, appliedIndex, lastLogIndex })}`;
    });
    const { voters, learners } = this.#observer.configuration;
    const who = `voters ${voters.join(" ")}, learners ${learners.join(" ")}, proven ${[...this.#proven].join(" ")}`;
    return `not within ${this.#plan.healingMostUs} µs after all was healed; ${who}\n${members.join("\n")}`;
  }

  /** What nobody tells: members' requests of their own, requests that are handed on, members that find themselves removed. */
  #countUntold(): void {
    const { network, group } = this.world;
    const exitRemoved = group.exitRemoved.bind(group);
    group.exitRemoved = (member, incarnation) => {
      if (group.member(member).incarnation === incarnation) this.counter.turn("removed member ended itself");
      exitRemoved(member, incarnation);
    };
    const dial = network.dial.bind(network);
    network.dial = (from, to, purpose, timeoutUs, owner) => {
      if ("channel" in purpose && purpose.channel === "post")
        this.counter.turn("message by a request of its own");
      else if (!("channel" in purpose) && from < this.#plan.model.members.length)
        this.counter.turn("request handed on to the leader");
      return dial(from, to, purpose, timeoutUs, owner);
    };
  }

  #countOutcomes(): void {
    const { counter } = this;
    for (const record of this.history.records) {
      const { error, op, response } = record;
      if (op === "leaseKeepAlive" && record.ok) counter.turn("lease renewed");
      if (error === undefined) continue;
      if (error === "timeout") counter.turn("client timed out");
      else if (error === "closed") counter.turn("client found a connection closed");
      else if (error === "reset") counter.turn("client was reset");
      else if (error === "refused") counter.turn("client was refused");
      else if (error.includes("leader changed")) counter.turn("read given up for a new leader");
      else if (error.includes("timed out")) counter.turn("request timed out at the member");
      else if (error.includes("for learner")) counter.turn("learner refused a request");
      if (response?.outcome.type === "error" && outcomeClass(record) === "ok")
        throw new LifeViolation("records", `${error} counts as a success`);
    }
    for (let i = 0; i < this.history.staleReads; i++) counter.turn("serializable read behind");
    for (const { watcher } of this.#watchers)
      if (watcher.interruptions.length > 0 && watcher.batches.length > 0) counter.turn("watch resumed");
    const ofClients = new Set<object>(this.history.records.map(({ request }) => request));
    for (const request of this.#truth.effective)
      if (request.type === "leaseRevoke" && !ofClients.has(request)) counter.turn("lease expired");
  }

  #checkHistories(): void {
    const { undecided } = checkHistories({
      records: this.history.records,
      watchers: this.#watchers,
      truth: this.#truth,
      processAt: (member, atUs) => this.#observer.processAt(member, atUs),
      leaderTermAt: (atUs) => this.#observer.leaderTermAt(atUs),
      endUs: this.world.now,
      faultsEndUs: this.#plan.faultsEndUs,
    });
    this.undecided = undecided;
  }
}
