/**
 * Random schedules: a group under delays, loss, repetition, reordering, cuts, slow disks, crashes in the middle of
 * writes, and restarts; every step checked; then everything is mended, and progress demanded.
 */
import { assert } from "../../src/assert.js";
import type { RandomStream } from "../../src/engine/random.js";
import { RandomStreams } from "../../src/engine/random.js";
import { checkEverything } from "../../src/raft/checkers.js";
import { isJoint, isVoter, membersOf } from "../../src/raft/configuration.js";
import type { ConfigurationChange, HardState, MemberId, Message } from "../../src/raft/types.js";
import { LEAVE_JOINT } from "../../src/raft/types.js";
import { Group } from "./group.js";

export interface SwarmOptions {
  readonly seed: number;
  readonly steps: number;
  readonly ignoresSendAfter?: boolean;
  /** What a broken disk does to the hard state it gives back. */
  readonly tamper?: (hardState: HardState) => HardState;
}

/** How often each kind of thing happened. */
export interface SwarmTally {
  elections: number;
  crashes: number;
  tornWrites: number;
  restarts: number;
  lost: number;
  repeated: number;
  overtaken: number;
  cuts: number;
  proposals: number;
  committed: number;
  /** Logs that lost entries to a leader's. */
  conflicts: number;
  /** Writes of which some entries survived and some did not. */
  tornEntries: number;
  transfers: number;
  /** Elections that a leader had asked for. */
  successions: number;
  snapshots: number;
  installed: number;
  /** Changes proposed, and changes that came into force somewhere. */
  changes: number;
  configurations: number;
  jointConfigurations: number;
  reads: number;
  readsAnswered: number;
  /** Groups that a removed member holds up for good; see {@link isHeldUpByRemoved}. */
  stranded: number;
}

/** How rough one run is: drawn once, so that runs differ in kind and not only in detail. */
interface Weather {
  readonly lossPercent: number;
  readonly repeatPercent: number;
  readonly reorderPercent: number;
  /** Fast clocks beside a slow network and slow disks make many elections. */
  readonly tickPercent: number;
  readonly diskPercent: number;
  readonly crashPerMille: number;
  readonly cutPerMille: number;
  /** Members that campaign out of turn. */
  readonly campaignPerMille: number;
  readonly downMax: number;
  readonly transferPerMille: number;
  readonly snapshotPerMille: number;
  readonly changePerMille: number;
  readonly readPerMille: number;
  /** Messages that fit into the network; beyond that some get lost. */
  readonly backlogMax: number;
}

export function swarm(options: SwarmOptions): SwarmTally {
  const draws = new RandomStreams(`raft-swarm/${options.seed}`);
  const dice = draws.stream("schedule");
  const timeouts = draws.counted("timeouts");
  const size = [1, 3, 3, 5, 5, 4][dice.below(6)] as number;
  const weather = drawWeather(dice, size);
  const electionTicks = 3 + dice.below(8);
  const group = new Group(
    Array.from({ length: size }, (_, i) => i + 1),
    {
      preVote: dice.below(4) > 0,
      checkQuorum: dice.below(4) > 0,
      electionTicks,
      inflightMessagesMax: 1 + dice.below(4),
      entriesPerMessageMax: 1 + dice.below(5),
      ignoresSendAfter: options.ignoresSendAfter === true,
      stepDownOnRemoval: dice.below(2) === 0,
      appliesStableOnly: dice.below(4) === 0,
      drawElectionTicks: (id, term, nth) =>
        electionTicks + Math.floor(timeouts.uniform(id * 1_000_000 + term, nth) * electionTicks),
    },
  );
  return new Swarm(group, dice, weather, options).run();
}

function drawWeather(dice: RandomStream, size: number): Weather {
  const some = (max: number) => (dice.below(2) === 0 ? 0 : 1 + dice.below(max));
  return {
    lossPercent: some(25),
    repeatPercent: some(10),
    reorderPercent: some(60),
    tickPercent: [5, 10, 20, 35][dice.below(4)] as number,
    diskPercent: [20, 60, 100][dice.below(3)] as number,
    crashPerMille: some(15),
    cutPerMille: some(15),
    campaignPerMille: some(15),
    backlogMax: [8, 30, 100][dice.below(3)] as number,
    transferPerMille: some(10),
    snapshotPerMille: some(15),
    changePerMille: some(20),
    readPerMille: some(60),
    downMax: dice.below(3) === 0 ? size : Math.floor((size - 1) / 2),
  };
}

/**
 * A change is in force when it is known to be committed. If a leader that knows its own removal committed loses the lead
 * before it has told anybody, the others still ask for its vote, which it refuses them if its log is longer, and it does
 * not campaign itself, having no vote. etcd's library has the same gap; an administrator has to fill it.
 */
function isHeldUpByRemoved(group: Group): boolean {
  return group.nodes.some(
    (removed) =>
      !isVoter(removed.configuration, removed.id) &&
      group.nodes.some(
        (other) =>
          isVoter(other.configuration, removed.id) &&
          other.commitIndex < removed.commitIndex &&
          other.log.lastIndex < removed.log.lastIndex,
      ),
  );
}

class Swarm {
  readonly #group: Group;
  readonly #dice: RandomStream;
  readonly #weather: Weather;
  readonly #options: SwarmOptions;
  #nextData = 1;
  readonly #tally: SwarmTally = {
    elections: 0,
    crashes: 0,
    tornWrites: 0,
    restarts: 0,
    lost: 0,
    repeated: 0,
    overtaken: 0,
    cuts: 0,
    proposals: 0,
    committed: 0,
    conflicts: 0,
    tornEntries: 0,
    transfers: 0,
    successions: 0,
    snapshots: 0,
    installed: 0,
    changes: 0,
    configurations: 0,
    jointConfigurations: 0,
    reads: 0,
    readsAnswered: 0,
    stranded: 0,
  };

  constructor(group: Group, dice: RandomStream, weather: Weather, options: SwarmOptions) {
    this.#group = group;
    this.#dice = dice;
    this.#weather = weather;
    this.#options = options;
  }

  run(): SwarmTally {
    const group = this.#group;
    // Two who may be made members. Until then nobody speaks to them.
    if (this.#weather.changePerMille > 0) {
      for (const spare of [1, 2]) group.add(group.voters.length + spare);
    }
    for (const id of group.everybody) group.heldDisks.add(id);
    for (let step = 0; step < this.#options.steps; step++) this.#disturb();
    checkEverything(this.#group.nodes, this.#group.invariants);
    this.#healAndDemandProgress();
    this.#tally.elections = this.#group.invariants.leaders.size;
    this.#tally.committed = this.#group.invariants.committedIndex;
    this.#tally.conflicts = this.#group.conflicts;
    Object.assign(this.#tally, this.#group.seen);
    return this.#tally;
  }

  #disturb(): void {
    const group = this.#group;
    const dice = this.#dice;
    if (dice.below(1000) < this.#weather.crashPerMille) this.#crashOrRestart();
    if (dice.below(1000) < this.#weather.cutPerMille) this.#cutOrHeal();
    const id = this.#anybody();
    if (group.isUp(id)) this.#trouble(id);
    if (dice.below(1000) < this.#weather.campaignPerMille && group.isUp(id)) group.campaign(id);
    if (dice.below(100) < this.#weather.tickPercent) {
      if (group.isUp(id)) group.tick(id);
      return;
    }
    const kind = dice.below(20);
    if (kind === 0) this.#propose(id);
    else if (kind >= 10) this.#moveMessages();
    else if (group.isUp(id) && dice.below(100) < this.#weather.diskPercent) this.#advanceDisk(id);
  }

  #anybody(): MemberId {
    const { everybody } = this.#group;
    return everybody[this.#dice.below(everybody.length)] as MemberId;
  }

  /** What hosts and their administrators do besides: transfers of the lead, snapshots, changes of the group, reads. */
  #trouble(id: MemberId): void {
    const group = this.#group;
    const dice = this.#dice;
    const { transferPerMille, snapshotPerMille, changePerMille, readPerMille } = this.#weather;
    if (dice.below(1000) < transferPerMille) {
      this.#tally.transfers += 1;
      group.transferLeadership(id, this.#anybody());
    }
    if (dice.below(1000) < snapshotPerMille) this.#takeSnapshot(id);
    if (dice.below(1000) < changePerMille) {
      this.#tally.changes += 1;
      group.proposeChange(id, this.#someChange(id), this.#nextData++);
    }
    if (dice.below(1000) < readPerMille) {
      // Half of them where it may be wrong: at any member that holds itself for the leader.
      const leaders = group.nodes.filter((node) => node.role === "leader");
      const leader = leaders[dice.below(2 * leaders.length + 1)];
      this.#tally.reads += 1;
      group.readIndex(leader?.id ?? id, this.#nextData++);
    }
  }

  #takeSnapshot(id: MemberId): void {
    const node = this.#group.node(id);
    const before = node.snapshot?.index ?? 0;
    // Only what is applied; it may lag behind what is committed.
    const applied = this.#group.applied.get(id)?.length ?? 0;
    if (applied <= before) return;
    const index = before + 1 + this.#dice.below(applied - before);
    this.#tally.snapshots += 1;
    this.#group.takeSnapshot(id, index, index - this.#dice.below(4));
  }

  #someChange(id: MemberId): ConfigurationChange {
    const dice = this.#dice;
    if (isJoint(this.#group.node(id).configuration) && dice.below(2) === 0) return LEAVE_JOINT;
    const types = ["add-voter", "add-voter", "add-learner", "remove"] as const;
    return {
      transition: (["auto", "auto", "implicit", "explicit"] as const)[dice.below(4)] ?? "auto",
      changes: Array.from({ length: 1 + dice.below(3) }, () => ({
        type: types[dice.below(types.length)] ?? "remove",
        member: this.#anybody(),
      })),
    };
  }

  #propose(id: MemberId): void {
    if (!this.#group.isUp(id)) return;
    const data = Array.from({ length: 1 + this.#dice.below(3) }, () => this.#nextData++);
    this.#tally.proposals += data.length;
    this.#group.propose(id, ...data);
  }

  #advanceDisk(id: MemberId): void {
    const node = this.#group.node(id);
    const behind = node.writeSequence - node.durableSequence;
    if (behind > 0) this.#group.persisted(id, node.durableSequence + 1 + this.#dice.below(behind));
  }

  #moveMessages(): void {
    const { network } = this.#group;
    // A network that only fills up would never carry an election.
    while (network.length > this.#weather.backlogMax)
      for (const message of network.splice(this.#dice.below(network.length), 1)) this.#group.lose(message);
    for (let i = this.#dice.below(4); i >= 0; i--) this.#moveOneMessage();
  }

  #moveOneMessage(): void {
    const { network, cut } = this.#group;
    const { lossPercent, repeatPercent, reorderPercent } = this.#weather;
    const dice = this.#dice;
    if (network.length === 0) return;
    const position = dice.below(100) < reorderPercent ? dice.below(network.length) : 0;
    const message = network[position] as Message;
    if (position > 0) this.#tally.overtaken += 1;
    if (dice.below(100) < repeatPercent) this.#tally.repeated += 1;
    else network.splice(position, 1);
    if (cut.has(`${message.from}>${message.to}`) || dice.below(100) < lossPercent) {
      this.#tally.lost += 1;
      this.#group.lose(message);
    } else this.#group.deliver(message);
  }

  /** Any member, but leaders more often: that is where it hurts. */
  #victim(): MemberId {
    const { leader } = this.#group;
    const any = this.#anybody();
    return leader !== undefined && this.#dice.below(2) === 0 ? leader : any;
  }

  #crashOrRestart(): void {
    const group = this.#group;
    const dice = this.#dice;
    const down = group.everybody.filter((member) => !group.isUp(member));
    const toRestart = down[dice.below(2 * down.length + 1)];
    if (toRestart !== undefined) {
      this.#restart(toRestart);
      return;
    }
    const id = this.#victim();
    if (!group.isUp(id)) return;
    if (group.everybody.length - group.nodes.length >= this.#weather.downMax) return;
    const { durableSequence, writeSequence } = group.node(id);
    const survived = durableSequence + dice.below(writeSequence - durableSequence + 1);
    if (survived < writeSequence) this.#tally.tornWrites += 1;
    this.#tally.crashes += 1;
    const tornEntries = 1 + dice.below(3);
    const before = group.node(id).durableImage(survived).entries.length;
    if (group.node(id).durableImage(survived, tornEntries).entries.length !== before)
      this.#tally.tornEntries += 1;
    group.crash(id, survived, tornEntries);
  }

  #restart(id: MemberId): void {
    this.#tally.restarts += 1;
    this.#group.restart(id, this.#options.tamper);
    this.#group.heldDisks.add(id);
  }

  #cutOrHeal(): void {
    const { cut } = this.#group;
    const dice = this.#dice;
    if (dice.below(2) === 0) {
      this.#group.heal();
      return;
    }
    this.#tally.cuts += 1;
    const id = this.#victim();
    if (dice.below(2) === 0) this.#group.isolate(id);
    else cut.add(`${id}>${this.#anybody()}`);
  }

  /** Faults stop: within a few election timeouts there is a leader, and what is proposed then is applied by all members. */
  #healAndDemandProgress(): void {
    const group = this.#group;
    group.heal();
    this.#startAll();
    group.heldDisks.clear();
    for (const id of group.everybody) group.sync(id);
    const last = this.#nextData++;
    let isDone = false;
    for (let round = 0; round < 900 && !isDone; round++) {
      group.settle();
      this.#administer(round, last);
      for (const { id } of group.nodes) group.tick(id);
      const { leader } = group;
      isDone =
        leader !== undefined &&
        membersOf(group.node(leader).configuration).every((id) => group.applied.get(id)?.includes(last));
    }
    if (!isDone && isHeldUpByRemoved(group)) this.#tally.stranded += 1;
    else assert(isDone, "no progress after everything was mended");
    group.settle();
    checkEverything(group.nodes, group.invariants);
    this.#checkApplied();
  }

  #startAll(): void {
    for (const id of this.#group.everybody) if (!this.#group.isUp(id)) this.#restart(id);
    this.#group.heldDisks.clear();
  }

  /**
   * What hosts see to after a change: who was removed is stopped, or it would campaign for ever; a leader that was is
   * relieved first.
   */
  #administer(round: number, last: number): void {
    const group = this.#group;
    const { leader } = group;
    if (leader === undefined) {
      if (round % 30 === 0) this.#startAll();
      return;
    }
    const { configuration } = group.node(leader);
    if (!isVoter(configuration, leader)) {
      if (round % 15 === 0) group.transferLeadership(leader, configuration.voters[0] as MemberId);
      return;
    }
    const members = membersOf(configuration);
    for (const id of group.everybody) {
      if (members.includes(id) && !group.isUp(id)) this.#startAll();
      else if (!members.includes(id) && group.isUp(id)) group.crash(id);
    }
    if (round % 30 === 29) group.propose(leader, last);
  }

  /** What each member applied since its last start is what the group committed, in order and without a gap. */
  #checkApplied(): void {
    const { applied, invariants, everybody } = this.#group;
    for (const id of everybody) {
      for (const [i, data] of (applied.get(id) ?? []).entries()) {
        assert(
          invariants.committedEntry(i + 1)?.data === data,
          `member ${id} applied ${data} as entry ${i + 1}`,
        );
      }
    }
  }
}
