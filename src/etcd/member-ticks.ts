/** The members' ticks on the event list, and what may be left out of them: quiet-time.ts in a group on a TCP network. */
import { present } from "../assert.js";
import type { RaftNode } from "../raft/node.js";
import type { MemberId } from "../raft/types.js";
import type { Micros } from "../units/time.js";
import type { EtcdClock } from "./events.js";
import type { Member } from "./member.js";
import { type HostId, type MemberNumber, raftId } from "./model.js";
import { passQuietTime, type QuietFollower, type QuietGroup } from "./quiet-time.js";
import type { Server } from "./server.js";
import type { Beat, Network } from "./tcp-types.js";

/** What is asked of the network beside its sockets. */
export interface BeatNetwork extends Network {
  beatDelayUs(from: HostId, to: HostId, beat: Beat): Micros;
  slowestUs(from: HostId, to: HostId): Micros;
  isStale(kind: number, subject: number, detail: number): boolean;
}

interface Ticker {
  readonly member: Member;
  nextUs: Micros;
  /** When its tick was put on the list, as a count of such moments. */
  order: number;
}

export class MemberTicks implements QuietGroup {
  readonly tickUs: Micros;
  /** One: it tells kernels that their peers are there. */
  readonly playedRounds = 1;
  /** Rounds that were left out. */
  roundsPassed = 0;
  readonly #clock: EtcdClock;
  readonly #network: BeatNetwork;
  readonly #tickers: readonly Ticker[];
  readonly #skips: boolean;
  #orders = 0;

  constructor(
    clock: EtcdClock,
    network: BeatNetwork,
    members: readonly Member[],
    tickUs: Micros,
    skips: boolean,
  ) {
    this.#clock = clock;
    this.#network = network;
    this.tickUs = tickUs;
    this.#skips = skips;
    this.#tickers = members.map((member) => ({ member, nextUs: 0, order: 0 }));
  }

  get nowUs(): Micros {
    return this.#clock.now;
  }

  /** A process' first tick is put on the list. */
  start(member: MemberNumber): void {
    this.#put(this.#ticker(member), this.nowUs + this.tickUs);
  }

  /** A tick has come: the process ticks now, unless it is of another process or was put off. */
  due(number: MemberNumber, incarnation: number): void {
    const ticker = this.#ticker(number);
    const { server } = ticker.member;
    if (server === undefined || ticker.member.incarnation !== incarnation || ticker.nextUs !== this.nowUs)
      return;
    if (this.#skips && server.loop.node.role === "leader" && this.#passQuietTime(ticker)) return;
    this.#put(ticker, this.nowUs + this.tickUs);
    server.tick();
  }

  quietUntilUs(): Micros {
    return this.#clock.nothingBefore(this.#isIgnored);
  }

  slowestAnswerUs(leader: MemberId): Micros {
    const from = this.#hostOf(leader);
    let slowest = 0;
    for (const { member } of this.#tickers) {
      const to = member.model.host;
      if (to === from) continue;
      slowest = Math.max(slowest, this.#network.slowestUs(from, to) + this.#network.slowestUs(to, from));
    }
    return slowest;
  }

  heartbeatDelayUs(leader: MemberId, follower: MemberId, tick: number): Micros {
    const { incarnation, server } = this.#ticker(leader - 1).member;
    const { ticks } = present(server, "a leader has a process").loop;
    const beat = { incarnation, tick: ticks + tick };
    return this.#network.beatDelayUs(this.#hostOf(leader), this.#hostOf(follower), beat);
  }

  readonly #isIgnored = (kind: number, subject: number, detail: number): boolean =>
    kind === this.#clock.kinds["member-tick"] || this.#network.isStale(kind, subject, detail);

  #passQuietTime(leader: Ticker): boolean {
    const others = this.#tickers.filter((one) => one !== leader && one.member.server !== undefined);
    if (!this.#canPass(leader, others)) return false;
    const { node } = serverOf(leader).loop;
    const rounds = passQuietTime(this, node, others.map(followerOf));
    if (rounds === 0) return false;
    this.roundsPassed += rounds;
    const { tickUs } = this;
    const lastUs = this.nowUs + (rounds - 1) * tickUs;
    for (const one of others) {
      const [from, to] = [leader.member.number, one.member.number];
      const answeredUs = lastUs + this.heartbeatDelayUs(node.id, raftId(to), rounds);
      serverOf(leader).peers.passedBeats(to, rounds, tickUs, lastUs);
      serverOf(one).peers.passedBeats(from, rounds, tickUs, answeredUs);
    }
    for (const ticker of [leader, ...others].sort((a, b) => a.order - b.order)) {
      const { server } = ticker.member;
      present(server, "it is up").passedTicks(rounds);
      this.#put(ticker, ticker.nextUs + rounds * tickUs);
    }
    return true;
  }

  /** What the transport has to say: streams stand with whoever is up, and whoever is not is not reached at all. */
  #canPass(leader: Ticker, others: readonly Ticker[]): boolean {
    const { peers, loop } = serverOf(leader);
    const from = leader.member.number;
    for (const { member } of this.#tickers) {
      const id = raftId(member.number);
      if (member.number === from || loop.node.progress(id) === undefined) continue;
      if (member.server === undefined && !(peers.isSilent(member.number) && isProbed(loop.node, id)))
        return false;
    }
    return others.every((one) => {
      const to = one.member.number;
      const back = serverOf(one).peers;
      const spreadUs = this.#network.slowestUs(leader.member.model.host, one.member.model.host);
      return (
        peers.isClean(to) &&
        back.isClean(from) &&
        peers.canPassBeats(to, this.tickUs, 0) &&
        back.canPassBeats(from, this.tickUs, spreadUs)
      );
    });
  }

  #put(ticker: Ticker, atUs: Micros): void {
    ticker.nextUs = atUs;
    ticker.order = ++this.#orders;
    const { number, incarnation } = ticker.member;
    this.#clock.schedule(atUs, this.#clock.kinds["member-tick"], number, incarnation);
  }

  #hostOf(id: MemberId): HostId {
    return this.#ticker(id - 1).member.model.host;
  }

  #ticker(member: MemberNumber): Ticker {
    return present(this.#tickers[member], "a member of this group");
  }
}

function followerOf(ticker: Ticker): QuietFollower {
  return { node: serverOf(ticker).loop.node, nextTickUs: ticker.nextUs };
}

function serverOf({ member }: Ticker): Server {
  return present(member.server, "it is up");
}

/** The leader has given up sending it anything but heartbeats. */
function isProbed(leader: RaftNode, id: MemberId): boolean {
  const progress = leader.progress(id);
  return progress?.state === "probe";
}
