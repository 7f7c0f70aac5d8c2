/**
 * Random schedules: a group under delays, loss, repetition, reordering, cuts, slow disks, crashes in the middle of
 * writes, and restarts; every step checked; then everything is mended, and progress demanded.
 */
import { assert } from "../../src/assert.js";
import type { RandomStream } from "../../src/engine/random.js";
import { RandomStreams } from "../../src/engine/random.js";
import { checkEverything } from "../../src/raft/checkers.js";
import type { HardState, MemberId, Message } from "../../src/raft/types.js";
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
    downMax: dice.below(3) === 0 ? size : Math.floor((size - 1) / 2),
  };
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
  };

  constructor(group: Group, dice: RandomStream, weather: Weather, options: SwarmOptions) {
    this.#group = group;
    this.#dice = dice;
    this.#weather = weather;
    this.#options = options;
  }

  run(): SwarmTally {
    for (const id of this.#group.voters) this.#group.heldDisks.add(id);
    for (let step = 0; step < this.#options.steps; step++) this.#disturb();
    checkEverything(this.#group.nodes, this.#group.invariants);
    this.#healAndDemandProgress();
    this.#tally.elections = this.#group.invariants.leaders.size;
    this.#tally.committed = this.#group.invariants.committedIndex;
    this.#tally.conflicts = this.#group.conflicts;
    return this.#tally;
  }

  #disturb(): void {
    const group = this.#group;
    const dice = this.#dice;
    if (dice.below(1000) < this.#weather.crashPerMille) this.#crashOrRestart();
    if (dice.below(1000) < this.#weather.cutPerMille) this.#cutOrHeal();
    const id = 1 + dice.below(group.voters.length);
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
    const { leader, voters } = this.#group;
    const any = 1 + this.#dice.below(voters.length);
    return leader !== undefined && this.#dice.below(2) === 0 ? leader : any;
  }

  #crashOrRestart(): void {
    const group = this.#group;
    const dice = this.#dice;
    const down = group.voters.filter((member) => !group.isUp(member));
    const toRestart = down[dice.below(2 * down.length + 1)];
    if (toRestart !== undefined) {
      this.#restart(toRestart);
      return;
    }
    const id = this.#victim();
    if (!group.isUp(id)) return;
    if (group.voters.length - group.nodes.length >= this.#weather.downMax) return;
    const { durableSequence, writeSequence } = group.node(id);
    const survived = durableSequence + dice.below(writeSequence - durableSequence + 1);
    if (survived < writeSequence) this.#tally.tornWrites += 1;
    this.#tally.crashes += 1;
    group.crash(id, survived);
  }

  #restart(id: MemberId): void {
    this.#tally.restarts += 1;
    this.#group.restart(id, this.#options.tamper);
    this.#group.heldDisks.add(id);
  }

  #cutOrHeal(): void {
    const { cut, voters } = this.#group;
    const dice = this.#dice;
    if (dice.below(2) === 0) {
      this.#group.heal();
      return;
    }
    this.#tally.cuts += 1;
    const id = this.#victim();
    if (dice.below(2) === 0) this.#group.isolate(id);
    else cut.add(`${id}>${1 + dice.below(voters.length)}`);
  }

  /** Faults stop: within a few election timeouts there is a leader, and what is proposed then is applied by all. */
  #healAndDemandProgress(): void {
    const group = this.#group;
    group.heal();
    for (const id of group.voters) if (!group.isUp(id)) this.#restart(id);
    group.heldDisks.clear();
    for (const id of group.voters) group.sync(id);
    const last = this.#nextData++;
    let isDone = false;
    for (let round = 0; round < 600 && !isDone; round++) {
      group.settle();
      if (round % 30 === 29 && group.leader !== undefined) group.propose(group.leader, last);
      for (const id of group.voters) group.tick(id);
      isDone = group.voters.every((id) => group.applied.get(id)?.includes(last));
    }
    assert(isDone, "no progress after everything was mended");
    group.settle();
    checkEverything(group.nodes, group.invariants);
    this.#checkApplied();
  }

  /** What each member applied since its last start is what the group committed, in order and without a gap. */
  #checkApplied(): void {
    const { applied, invariants, voters } = this.#group;
    for (const id of voters) {
      for (const [i, data] of (applied.get(id) ?? []).entries()) {
        assert(
          invariants.committedEntry(i + 1)?.data === data,
          `member ${id} applied ${data} as entry ${i + 1}`,
        );
      }
    }
  }
}
