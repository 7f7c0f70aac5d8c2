/**
 * Connections as Linux' TCP keeps them, as far as it shows: order, slow start, retransmission with its doubled waits,
 * resets, dials with a limit, keep-alive. An item on a connection that nothing is wrong with is one event, its arrival.
 */
import { assert, present } from "../assert.js";
import type { RandomStreams } from "../engine/random.js";
import { type Micros, SECOND } from "../units/time.js";
import type { EtcdClock, EtcdHandlers } from "./events.js";
import type { EtcdModel, HostId, PathModel } from "./model.js";
import { TcpEnd, type TcpTally } from "./tcp-end.js";
import { ACCEPT, type Dial, type EndHost, EndState, EndTimer, FIN } from "./tcp-kernel.js";
import { kernelTimerUs, TcpPath } from "./tcp-path.js";
import { isComputable, RefusedDials } from "./tcp-redial.js";
import type { Beat, CloseReason, Listener, Network, Redialler, Socket, SocketOwner } from "./tcp-types.js";

/** Wait before a lost handshake is tried again; it doubles (RFC 6298). */
const SYN_AGAIN_US: Micros = SECOND;
/** Tries after the first (net.ipv4.tcp_syn_retries): after 1, 3, 7, 15, 31 and 63 s; the dial is given up after 127. */
const SYN_RETRIES = 6;

/** Go's defaults since 1.23, as the measured etcd was built: dialled connections are probed after 30 s of silence, accepted ones after 15; then every 15 s, nine times. */
const KEEP_ALIVE = {
  dialledIdleUs: 30 * SECOND,
  acceptedIdleUs: 15 * SECOND,
  intervalUs: 15 * SECOND,
  probes: 9,
} as const;

/** Timers are told apart by the low bits of an event's subject. */
const TIMERS = EndTimer.COUNT;

/**
 * The hosts' kernels and the lines between them. Wire `handlers` into the simulation that `clock` is of. Two networks of
 * one simulation would share event names: have one.
 */
export class TcpNetwork implements Network {
  readonly handlers: EtcdHandlers<"tcp-arrive" | "tcp-timer">;
  readonly #clock: EtcdClock;
  readonly #hosts: number;
  /** By host from × hosts + host to. */
  readonly #paths: TcpPath[] = [];
  /** Connections by their two hosts (smaller × hosts + larger), by their dialling end, in order of dials. */
  readonly #connections: Set<TcpEnd>[] = [];
  /** By their number in events; undefined: free. */
  readonly #ends: (TcpEnd | undefined)[] = [];
  readonly #freeEnds: number[] = [];
  readonly #listeners: (Listener | undefined)[] = [];
  readonly #isPowered: boolean[] = [];
  /** Processes that ended, by host: tells one process from the next. */
  readonly #exits: number[] = [];
  readonly #kernel: EndHost;
  /** How often what went wrong was noticed, over all connections. */
  readonly tally: TcpTally = {
    retransmissions: 0,
    fastRetransmissions: 0,
    resets: 0,
    refusals: 0,
    dialTimeouts: 0,
    keepAliveProbes: 0,
    timeouts: 0,
  };
  readonly #streams: RandomStreams;
  /** In the order in which they began. */
  readonly #refused = new Set<RefusedDials>();
  #redials = 0;
  #stamps = 0;

  constructor(clock: EtcdClock, model: Pick<EtcdModel, "hosts" | "paths">, streams: RandomStreams) {
    this.#clock = clock;
    this.#streams = streams;
    this.#hosts = model.hosts.length;
    for (let from = 0; from < this.#hosts; from++) {
      this.#isPowered.push(true);
      this.#exits.push(0);
      for (let to = 0; to < this.#hosts; to++) {
        const path = present(model.paths[from]?.[to], `a path from host ${from} to host ${to}`);
        this.#paths.push(new TcpPath(from, to, path, streams));
        this.#connections.push(new Set());
      }
    }
    this.#kernel = this.#makeKernel();
    this.handlers = {
      "tcp-arrive": (end, epoch) => this.#ends[end]?.arrive(epoch),
      "tcp-timer": (subject, stamp) => this.#timer(subject, stamp),
    };
  }

  dial(
    from: HostId,
    to: HostId,
    purpose: NonNullable<unknown>,
    timeoutUs: Micros,
    owner: SocketOwner,
    beat?: Beat,
  ): Socket {
    assert(this.#isPowered[from] === true, "dialled from a host without power");
    const dialler = this.#newDialler(this.#path(from, to), this.#path(to, from), purpose, owner, beat);
    this.#sendSyn(dialler);
    if (timeoutUs > 0) dialler.arm(EndTimer.DIAL_LIMIT, this.#clock.now + timeoutUs);
    return dialler;
  }

  redial(
    from: HostId,
    to: HostId,
    purpose: NonNullable<unknown>,
    timeoutUs: Micros,
    owner: Redialler,
    firstUs: Micros,
    everyUs: Micros,
  ): (() => void) | undefined {
    const path = this.#path(from, to);
    const back = this.#path(to, from);
    if (this.#listeners[to] !== undefined || !isComputable(path, back, everyUs)) return undefined;
    const draws = this.#streams.counted(`tcp-redial/${from}/${to}`);
    const caller = { owner, purpose, timeoutUs, firstUs, everyUs };
    const dials = new RefusedDials({ path, back }, caller, draws, ++this.#redials);
    this.#refused.add(dials);
    return () => this.#refused.delete(dials);
  }

  listen(host: HostId, listener: Listener): void {
    this.#resume(({ path }) => path.to === host);
    this.#listeners[host] = listener;
  }

  exit(host: HostId): void {
    this.#forgetDials(host);
    this.#listeners[host] = undefined;
    this.#exits[host] = (this.#exits[host] as number) + 1;
    for (const end of this.#endsOf(host)) {
      if (end.state === EndState.OPEN) this.#leave(end);
      else if (end.state === EndState.CONNECTING && end.isDialler) this.#unlink(end);
    }
  }

  powerOff(host: HostId): void {
    this.#forgetDials(host);
    this.#listeners[host] = undefined;
    this.#exits[host] = (this.#exits[host] as number) + 1;
    for (const end of this.#endsOf(host)) {
      if (end.state === EndState.CONNECTING && end.isDialler) this.#unlink(end);
      else end.vanish();
    }
    this.#isPowered[host] = false;
    this.#refreshHost(host);
    for (const end of this.#endsOf(host)) if (end.other.state === EndState.GONE) this.#unlink(end);
  }

  powerOn(host: HostId): void {
    this.#isPowered[host] = true;
    this.#refreshHost(host);
  }

  cut(from: HostId, to: HostId): void {
    const path = this.#path(from, to);
    path.cuts++;
    this.#refresh(path);
  }

  heal(from: HostId, to: HostId): void {
    const path = this.#path(from, to);
    assert(path.cuts > 0, "healed what was not cut");
    path.cuts--;
    this.#refresh(path);
  }

  setPath(from: HostId, to: HostId, model: PathModel): void {
    const path = this.#path(from, to);
    this.#resume((dials) => dials.path === path || dials.back === path);
    path.set(model);
    // On a line that loses packets pulses are real, since each may be lost.
    if (path.loss > 0) for (const end of this.#sendersOf(path)) end.armPulse();
  }

  carries(from: HostId, to: HostId): boolean {
    return this.#path(from, to).carries;
  }

  /** The delay of an item that is sent with a beat, µs: what a run that leaves the item out would have met. */
  beatDelayUs(from: HostId, to: HostId, beat: Beat): Micros {
    return this.#path(from, to).delayUs(beat);
  }

  /** No packet takes longer, µs; Infinity: it may be lost, or takes as long as it likes. */
  slowestUs(from: HostId, to: HostId): Micros {
    const path = this.#path(from, to);
    return path.carries && path.loss <= 0 ? path.slowestUs : Number.POSITIVE_INFINITY;
  }

  /** Whether an event of this network has become one that nobody waits for. */
  isStale(kind: number, subject: number, detail: number): boolean {
    const { kinds } = this.#clock;
    if (kind === kinds["tcp-timer"]) {
      const timer = subject % TIMERS;
      return this.#ends[(subject - timer) / TIMERS]?.isWanted(timer, detail) !== true;
    }
    return kind === kinds["tcp-arrive"] && this.#ends[subject]?.isExpecting(detail) !== true;
  }

  /** Connections that a kernel still knows, for tests and figures. */
  get connections(): number {
    return this.#connections.reduce((sum, set) => sum + set.size, 0);
  }

  // Hosts and lines.

  #path(from: HostId, to: HostId): TcpPath {
    return present(this.#paths[from * this.#hosts + to], "a path between two of the hosts");
  }

  #connectionsOf(a: HostId, b: HostId): Set<TcpEnd> {
    return this.#connections[Math.min(a, b) * this.#hosts + Math.max(a, b)] as Set<TcpEnd>;
  }

  /** The ends on a host, by the other host, then in order of dials. */
  #endsOf(host: HostId): TcpEnd[] {
    const ends: TcpEnd[] = [];
    for (let other = 0; other < this.#hosts; other++)
      for (const dialler of this.#connectionsOf(host, other)) {
        if (dialler.local === host) ends.push(dialler);
        if (dialler.remote === host) ends.push(dialler.other);
      }
    return ends;
  }

  /** The ends that send over a path, in order of dials. */
  #sendersOf(path: TcpPath): TcpEnd[] {
    const ends: TcpEnd[] = [];
    for (const dialler of this.#connectionsOf(path.from, path.to)) {
      if (dialler.local === path.from) ends.push(dialler);
      if (dialler.remote === path.from) ends.push(dialler.other);
    }
    return ends;
  }

  #refreshHost(host: HostId): void {
    for (let other = 0; other < this.#hosts; other++) {
      this.#refresh(this.#path(host, other));
      if (other !== host) this.#refresh(this.#path(other, host));
    }
  }

  /** A path was cut or healed, or a host's power went or came. */
  #refresh(path: TcpPath): void {
    const carries =
      path.cuts === 0 && this.#isPowered[path.from] === true && this.#isPowered[path.to] === true;
    if (carries === path.carries) return;
    this.#resume((dials) => dials.path === path || dials.back === path);
    const senders = this.#sendersOf(path);
    if (!carries) for (const end of senders) this.#recallPulses(end);
    path.carries = carries;
    for (const end of senders) {
      if (carries) {
        if (end.back.carries) {
          end.healthySinceUs = this.#clock.now;
          end.other.healthySinceUs = this.#clock.now;
        }
        continue;
      }
      end.forwardCut();
      end.other.backwardCut();
      this.#watch(end);
      this.#watch(end.other);
      end.armPulse();
      end.other.armPulse();
    }
  }

  /** Just before something goes wrong with a connection: what was computed until now is written down. */
  #recallPulses(end: TcpEnd): void {
    const roundTripUs = end.path.meanUs + end.back.meanUs;
    for (const one of [end, end.other]) {
      if (one.state !== EndState.OPEN) continue;
      const now = this.#clock.now;
      const own = one.lastPulseUs(one.healthySinceUs) + roundTripUs;
      const others = one.other.lastPulseUs(one.healthySinceUs) + one.back.meanUs;
      for (const heard of [own, others]) if (heard <= now) one.heardUs = Math.max(one.heardUs, heard);
    }
    end.recallPulse(end.healthySinceUs);
    end.other.recallPulse(end.other.healthySinceUs);
  }

  // Connections.

  #newEnd(path: TcpPath, back: TcpPath, isDialler: boolean): TcpEnd {
    const id = this.#freeEnds.pop() ?? this.#ends.length;
    const end = new TcpEnd(id, this.#kernel, path, back, isDialler);
    end.heardUs = this.#clock.now;
    end.healthySinceUs = this.#clock.now;
    this.#ends[id] = end;
    return end;
  }

  #newDialler(
    path: TcpPath,
    back: TcpPath,
    purpose: NonNullable<unknown>,
    owner: SocketOwner,
    beat: Beat | undefined,
  ): TcpEnd {
    const dialler = this.#newEnd(path, back, true);
    const dialled = this.#newEnd(back, path, false);
    dialler.other = dialled;
    dialled.other = dialler;
    dialler.owner = owner;
    dialler.dial = { purpose, beat, tries: 0, listenerRun: -1 };
    this.#connectionsOf(path.from, path.to).add(dialler);
    return dialler;
  }

  /** Neither kernel knows the connection any more. */
  #unlink(end: TcpEnd): void {
    const dialler = end.isDialler ? end : end.other;
    if (!this.#connectionsOf(dialler.local, dialler.remote).delete(dialler)) return;
    for (const one of [dialler, dialler.other]) {
      one.forget();
      this.#ends[one.id] = undefined;
      this.#freeEnds.push(one.id);
    }
  }

  #destroy(told: TcpEnd, reason: CloseReason): void {
    const owner = told.owner;
    this.#unlink(told);
    owner?.closed(told, reason);
  }

  #giveUp(end: TcpEnd, reason: CloseReason): void {
    this.tally.timeouts++;
    const owner = end.owner;
    const other = end.other;
    end.vanish();
    if (other.state === EndState.GONE || other.state === EndState.CONNECTING) this.#unlink(end);
    else {
      this.#watch(other);
      other.armPulse();
    }
    owner?.closed(end, reason);
  }

  #leave(end: TcpEnd): void {
    if (end.state === EndState.GONE || end.state === EndState.ORPHAN) return;
    if (end.state === EndState.CONNECTING || end.other.state === EndState.GONE) {
      this.#unlink(end);
      return;
    }
    end.state = EndState.ORPHAN;
    end.owner = undefined;
    for (const timer of [EndTimer.KEEP_ALIVE, EndTimer.PROBE, EndTimer.PROBE_ANSWER, EndTimer.PULSE])
      end.disarm(timer);
    end.push(FIN, 0, undefined);
  }

  #answerUnknown(sender: TcpEnd): void {
    if (!sender.back.carries || sender.state === EndState.GONE || sender.isArmed(EndTimer.RESET)) return;
    sender.arm(EndTimer.RESET, this.#clock.now + sender.back.delayUs());
  }

  // The handshake.

  #sendSyn(dialler: TcpEnd): void {
    const now = this.#clock.now;
    const dial = present(dialler.dial, "an end that dials");
    if (dial.tries > SYN_RETRIES) {
      this.#destroy(dialler, "dialTimeout");
      return;
    }
    dial.tries++;
    if (dialler.path.carries && !dialler.path.loses(1))
      dialler.arm(EndTimer.SYN, now + dialler.path.delayUs(beatOf(dial)));
    dialler.arm(EndTimer.SYN_AGAIN, kernelTimerUs(now, SYN_AGAIN_US * 2 ** (dial.tries - 1)));
  }

  #synArrives(dialler: TcpEnd): void {
    const dial = present(dialler.dial, "an end that dials");
    const host = dialler.remote;
    dial.listenerRun = this.#listeners[host] === undefined ? -1 : (this.#exits[host] as number);
    if (dialler.back.carries && !dialler.back.loses(1))
      dialler.arm(EndTimer.SYN_ANSWER, this.#clock.now + dialler.back.delayUs(beatOf(dial)));
  }

  #synAnswered(dialler: TcpEnd): void {
    if (dialler.dial?.listenerRun === -1) {
      this.tally.refusals++;
      this.#destroy(dialler, "refused");
      return;
    }
    for (const timer of [EndTimer.SYN, EndTimer.SYN_AGAIN, EndTimer.DIAL_LIMIT]) dialler.disarm(timer);
    dialler.state = EndState.OPEN;
    dialler.push(ACCEPT, 0, undefined);
    dialler.heardUs = this.#clock.now;
    dialler.owner?.connected?.(dialler);
  }

  /** The handshake is complete at the dialled end: whether the process that was asked still takes it. */
  #accept(dialled: TcpEnd): boolean {
    if (dialled.state !== EndState.CONNECTING) return false;
    const dial = present(dialled.other.dial, "the dialling end of a connection");
    const listener = this.#listeners[dialled.local];
    if (listener === undefined || dial.listenerRun !== this.#exits[dialled.local]) {
      dialled.vanish();
      return false;
    }
    dialled.state = EndState.OPEN;
    dialled.heardUs = this.#clock.now;
    dialled.owner = listener.accept(dialled, dial.purpose);
    if (!dialled.isHealthy) this.#watch(dialled);
    return true;
  }

  // Dials that are refused as a matter of course.

  /** Something changes for these: from now on they are dials like others, the one under way included. */
  #resume(isConcerned: (dials: RefusedDials) => boolean): void {
    for (const dials of this.#refused) {
      if (!isConcerned(dials)) continue;
      this.#refused.delete(dials);
      this.#resumeOne(dials);
    }
  }

  #resumeOne(dials: RefusedDials): void {
    const { path, back, purpose, owner, timeoutUs } = dials;
    const now = this.#clock.now;
    const begun = dials.begunBefore(now);
    const last = begun > 0 ? dials.dial(begun) : undefined;
    const isOver = last === undefined || last.answerUs <= now;
    this.tally.refusals += isOver ? begun : begun - 1;
    if (isOver) {
      owner.resumed(dials.startOf(begun + 1));
      return;
    }
    const dialler = this.#newDialler(path, back, purpose, owner, undefined);
    const dial = present(dialler.dial, "an end that dials");
    dial.tries = 1;
    if (last.arriveUs >= now) dialler.arm(EndTimer.SYN, last.arriveUs);
    else dialler.arm(EndTimer.SYN_ANSWER, last.answerUs);
    dialler.arm(EndTimer.SYN_AGAIN, Math.max(now, kernelTimerUs(last.sentUs, SYN_AGAIN_US)));
    if (timeoutUs > 0) dialler.arm(EndTimer.DIAL_LIMIT, last.sentUs + timeoutUs);
    owner.dialled(dialler, last.sentUs);
  }

  /** Who dialled from this host is no more. */
  #forgetDials(host: HostId): void {
    for (const dials of this.#refused) if (dials.path.from === host) this.#refused.delete(dials);
  }

  // Keep-alive: nothing is simulated while a probe would be answered as a matter of course.

  #watch(end: TcpEnd): void {
    if (end.state !== EndState.OPEN || end.isArmed(EndTimer.KEEP_ALIVE)) return;
    const now = this.#clock.now;
    const idleUs = idleOf(end);
    const silentUs = Math.max(0, now - end.lastHeardUs);
    // Silent for longer than that means that probes were answered all the time.
    end.heardUs = now - (silentUs % idleUs);
    end.probes = 0;
    end.arm(EndTimer.KEEP_ALIVE, kernelTimerUs(end.heardUs, idleUs));
  }

  #keepAlive(end: TcpEnd): void {
    if (end.isHealthy && !end.isStalled) return;
    const now = this.#clock.now;
    const idleUs = idleOf(end);
    if (end.hasUnacknowledged) {
      // Retransmissions ask already.
      end.arm(EndTimer.KEEP_ALIVE, kernelTimerUs(now, idleUs));
      return;
    }
    const heardUs = end.lastHeardUs;
    if (now - heardUs < idleUs) {
      end.probes = 0;
      end.arm(EndTimer.KEEP_ALIVE, kernelTimerUs(heardUs, idleUs));
      return;
    }
    if (end.probes === KEEP_ALIVE.probes) {
      this.#giveUp(end, "timeout");
      return;
    }
    end.probes++;
    this.tally.keepAliveProbes++;
    if (end.path.carries && !end.path.loses(1)) end.arm(EndTimer.PROBE, now + end.path.delayUs());
    end.arm(EndTimer.KEEP_ALIVE, kernelTimerUs(now, KEEP_ALIVE.intervalUs));
  }

  #probeArrives(end: TcpEnd): void {
    if (end.other.state === EndState.GONE) this.#answerUnknown(end);
    else if (end.back.carries && !end.back.loses(1))
      end.arm(EndTimer.PROBE_ANSWER, this.#clock.now + end.back.delayUs());
  }

  #timer(subject: number, stamp: number): void {
    const timer = subject % TIMERS;
    const end = this.#ends[(subject - timer) / TIMERS];
    if (end === undefined || !end.expire(timer, stamp)) return;
    switch (timer) {
      case EndTimer.RETRANSMIT:
        end.retransmit();
        break;
      case EndTimer.HEAD:
        end.headArrives();
        break;
      case EndTimer.ACK:
        end.acknowledged();
        break;
      case EndTimer.FAST:
        end.fastRetransmit();
        break;
      case EndTimer.PULSE:
        end.pulseDue();
        break;
      case EndTimer.RESET:
        this.tally.resets++;
        this.#destroy(end, "reset");
        break;
      case EndTimer.KEEP_ALIVE:
        this.#keepAlive(end);
        break;
      case EndTimer.PROBE:
        this.#probeArrives(end);
        break;
      case EndTimer.PROBE_ANSWER:
        end.probes = 0;
        end.heardUs = this.#clock.now;
        break;
      case EndTimer.SYN:
        this.#synArrives(end);
        break;
      case EndTimer.SYN_ANSWER:
        this.#synAnswered(end);
        break;
      case EndTimer.SYN_AGAIN:
        this.#sendSyn(end);
        break;
      case EndTimer.DIAL_LIMIT:
        this.tally.dialTimeouts++;
        this.#destroy(end, "dialTimeout");
        break;
      default:
        assert(false, `an end's timer ${timer}`);
    }
  }

  #makeKernel(): EndHost {
    const clock = this.#clock;
    const arrive = clock.kinds["tcp-arrive"];
    const timerKind = clock.kinds["tcp-timer"];
    return {
      clock,
      tally: this.tally,
      stamp: () => ++this.#stamps,
      scheduleArrival: (atUs, end, epoch) => clock.schedule(atUs, arrive, end, epoch),
      scheduleTimer: (atUs, end, timer, stamp) =>
        clock.schedule(atUs, timerKind, end * TIMERS + timer, stamp),
      accept: (end) => this.#accept(end),
      answerUnknown: (sender) => this.#answerUnknown(sender),
      destroy: (told, reason) => this.#destroy(told, reason),
      giveUp: (end, reason) => this.#giveUp(end, reason),
      leave: (end) => this.#leave(end),
    };
  }
}

/** A dial's first try is of its beat, where it has one; later ones are like all other packets. */
function beatOf({ beat, tries }: Dial): Beat | undefined {
  return tries === 1 ? beat : undefined;
}

function idleOf(end: TcpEnd): Micros {
  return end.isDialler ? KEEP_ALIVE.dialledIdleUs : KEEP_ALIVE.acceptedIdleUs;
}
