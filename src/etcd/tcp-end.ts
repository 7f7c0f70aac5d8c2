/**
 * One end of a connection: the socket that a process holds, and the kernel's side of it that sends. Where nothing is cut
 * or lost an item costs one event, its arrival; acknowledgements are times kept beside the items, and are looked at when
 * something goes wrong. Rules: RFC 6298 (retransmission), Linux' tcp_input.c and tcp_timer.c.
 */
import { assert } from "../assert.js";
import { type Micros, SECOND } from "../units/time.js";
import type { HostId } from "./model.js";
import {
  ACCEPT,
  type Dial,
  type EndHost,
  EndState,
  EndTimer,
  FIN,
  NOTHING,
  PULSE,
  type Segment,
} from "./tcp-kernel.js";
import { kernelTimerUs, retransmissionTimeoutUs, type TcpPath } from "./tcp-path.js";
import type { Beat, Socket, SocketOwner } from "./tcp-types.js";
import { RECOVERED_WINDOW, SEGMENT_BYTES, SendWindow, segmentsOf } from "./tcp-window.js";

/** Longest wait between two retransmissions (TCP_RTO_MAX). */
const RETRANSMIT_WAIT_MAX_US: Micros = 120 * SECOND;
/** Retransmissions of one item before the connection is given up (net.ipv4.tcp_retries2), and of an orphan's (tcp_orphan_retries 0). */
const RETRANSMISSIONS_MAX = 15;
const ORPHAN_RETRANSMISSIONS_MAX = 8;
/** Later packets that make a loss certain (RFC 5681). */
const DUPLICATE_ACKS = 3;

/** How often something was noticed, over all connections of a network. */
export interface TcpTally {
  retransmissions: number;
  fastRetransmissions: number;
  resets: number;
  refusals: number;
  dialTimeouts: number;
  keepAliveProbes: number;
  /** Retransmissions or keep-alives that went unanswered for too long. */
  timeouts: number;
}

export class TcpEnd implements Socket {
  readonly local: HostId;
  readonly remote: HostId;
  readonly isDialler: boolean;
  /** Names the end in events. */
  readonly id: number;
  state: number = EndState.CONNECTING;
  owner: SocketOwner | undefined;
  /** When the last item of this end arrived at the other. */
  deliveredUs: Micros = 0;
  /** Something reached this end that is no item: an answered probe, a pulse. */
  heardUs: Micros = 0;
  probes = 0;
  /** Since when both paths carry. */
  healthySinceUs: Micros = 0;
  /** Of an end that dials or has dialled. */
  dial: Dial | undefined;
  readonly #host: EndHost;
  readonly #path: TcpPath;
  readonly #back: TcpPath;
  readonly #window = new SendWindow();
  readonly #stamps: number[] = [];
  #other: TcpEnd | undefined;
  /** Of the arrivals that are still to come. */
  #epoch: number;
  // Segments in order: [0, #acked) forgotten, [#acked, #delivered) arrived and unacknowledged as far as looked at,
  // [#delivered, #pending) under way with an event each, [#pending, length) waiting for a retransmission.
  #segments: Segment[] = [];
  /** One that nobody needs any more. */
  #spare: Segment | undefined;
  #acked = 0;
  #delivered = 0;
  #pending = 0;
  #lastArrivalUs: Micros = 0;
  #lastAckUs: Micros = 0;
  /** Something unacknowledged may be lost: the retransmission timer runs. */
  #isStalled = false;
  #retransmissions = 0;
  /** When the retransmission timer fires, as it was set last. */
  #retransmitUs: Micros = 0;
  /** After a timeout that was answered. */
  #hasRecovered = false;
  /** Bytes handed over at one instant, the last. */
  #burstBytes = 0;
  #burstUs: Micros = -1;
  /** Items sent while nothing was wrong. */
  #launches = 0;
  #packetsBehindHole = 0;
  #pulsePeriodUs: Micros = 0;
  #pulseStartUs: Micros = 0;
  #pulseBytes = 0;

  constructor(id: number, host: EndHost, path: TcpPath, back: TcpPath, isDialler: boolean) {
    this.id = id;
    this.#host = host;
    this.#path = path;
    this.#back = back;
    this.local = path.from;
    this.remote = path.to;
    this.isDialler = isDialler;
    this.#epoch = host.stamp();
  }

  get isOpen(): boolean {
    return this.state === EndState.OPEN;
  }

  get other(): TcpEnd {
    assert(this.#other !== undefined, "a connection has two ends");
    return this.#other;
  }

  set other(end: TcpEnd) {
    this.#other = end;
  }

  get path(): TcpPath {
    return this.#path;
  }

  get back(): TcpPath {
    return this.#back;
  }

  get isStalled(): boolean {
    return this.#isStalled;
  }

  /** Bytes handed over and not known to have arrived. */
  get unacknowledgedBytes(): number {
    this.#forgetAcknowledged(this.#host.clock.now);
    let bytes = 0;
    for (let i = this.#acked; i < this.#segments.length; i++) bytes += (this.#segments[i] as Segment).bytes;
    return bytes;
  }

  /** Whether everything that is sent now is answered as a matter of course. */
  get isHealthy(): boolean {
    return (
      this.state === EndState.OPEN &&
      this.other.state === EndState.OPEN &&
      this.#path.carries &&
      this.#back.carries
    );
  }

  // What the process does.

  send(item: NonNullable<unknown>, bytes: number, beat?: Beat | undefined): void {
    assert(this.state === EndState.OPEN, "sent on a socket that is not open");
    this.push(item, bytes, beat);
  }

  close(): void {
    this.#host.leave(this);
  }

  /** Not where the pauses between them would now and then be long enough for the window to be small again. */
  canPass(everyUs: Micros, spreadUs: Micros): boolean {
    const pauseUs = this.#path.meanUs + this.#back.meanUs + RETRANSMIT_IDLE_US;
    return !this.#window.isLarge || everyUs + spreadUs <= pauseUs || everyUs - spreadUs > pauseUs;
  }

  /** All that a connection remembers of them is settled by the last few. */
  passed(items: number, everyUs: Micros, lastUs: Micros): void {
    const few = Math.min(items, ITEMS_REMEMBERED);
    const roundTripUs = this.#path.meanUs + this.#back.meanUs;
    this.#launches += items;
    this.#window.touch(lastUs - few * everyUs);
    for (let i = few - 1; i >= 0; i--)
      this.#window.departUs(lastUs - i * everyUs, 1, roundTripUs, roundTripUs + RETRANSMIT_IDLE_US);
  }

  /**
   * From `startUs` on, every `periodUs`, so many bytes are sent that the other end's owner never hears of. Computed, not
   * simulated, while nothing is wrong with the connection.
   */
  pulse(periodUs: Micros, startUs: Micros, bytes: number): void {
    assert(periodUs > 0, "a pulse has a period");
    this.#pulsePeriodUs = periodUs;
    this.#pulseStartUs = startUs;
    this.#pulseBytes = bytes;
    if (!this.isClean) this.#armPulse();
  }

  // What the network does.

  push(item: NonNullable<unknown>, bytes: number, beat: Beat | undefined): void {
    const now = this.#host.clock.now;
    this.#forgetAcknowledged(now);
    const segment = this.#newSegment(item, bytes, beat, now);
    this.#segments.push(segment);
    if (this.#isStalled) this.#sendBehind(this.#segments.length - 1, now);
    else this.#launch(segment, now, this.#packetsInBurst(bytes, now));
  }

  arm(timer: number, atUs: Micros): void {
    const stamp = this.#host.stamp();
    this.#stamps[timer] = stamp;
    this.#host.scheduleTimer(atUs, this.id, timer, stamp);
  }

  isArmed(timer: number): boolean {
    return (this.#stamps[timer] ?? 0) !== 0;
  }

  disarm(timer: number): void {
    this.#stamps[timer] = 0;
  }

  /** Whether the event of this timer is still wanted. */
  isWanted(timer: number, stamp: number): boolean {
    return this.#stamps[timer] === stamp;
  }

  /** Whether arrivals of that time are still to come. */
  isExpecting(epoch: number): boolean {
    return epoch === this.#epoch && this.#delivered < this.#pending;
  }

  /** Whether the event of this timer is still wanted; it is not armed any more then. */
  expire(timer: number, stamp: number): boolean {
    if (this.#stamps[timer] !== stamp) return false;
    this.#stamps[timer] = 0;
    return true;
  }

  /** An item of this end arrives at the other. */
  arrive(epoch: number): void {
    if (epoch !== this.#epoch || this.#delivered >= this.#pending) return;
    const segment = this.#segments[this.#delivered] as Segment;
    this.#delivered++;
    const now = this.#host.clock.now;
    this.deliveredUs = now;
    if (this.#isStalled && segment.ackUs === Number.POSITIVE_INFINITY && this.#back.carries)
      segment.ackUs = now + this.#back.meanUs;
    this.#deliver(segment);
  }

  /** No answer within the timeout: the head is sent again, if there are tries left. */
  retransmit(): void {
    const now = this.#host.clock.now;
    this.#forgetAcknowledged(now);
    if (!this.#isStalled) return;
    const head = this.#segments[this.#acked] as Segment;
    const timeoutUs = retransmissionTimeoutUs(this.#path, this.#back);
    if (this.#retransmissions === 0 && head.sentUs + timeoutUs > now) {
      // What was unacknowledged first has been acknowledged since; the clock is the next one's.
      this.#retransmitUs = kernelTimerUs(head.sentUs, timeoutUs);
      this.arm(EndTimer.RETRANSMIT, this.#retransmitUs);
      return;
    }
    const most = this.state === EndState.OPEN ? RETRANSMISSIONS_MAX : ORPHAN_RETRANSMISSIONS_MAX;
    if (this.#retransmissions === most) {
      this.#host.giveUp(this, "timeout");
      return;
    }
    this.#retransmissions++;
    this.#host.tally.retransmissions++;
    this.disarm(EndTimer.FAST);
    if (this.#path.carries && !this.#path.loses(head.packets))
      this.arm(EndTimer.HEAD, Math.max(this.#lastArrivalUs, now + this.#path.delayUs()));
    const waitUs = Math.min(timeoutUs * 2 ** this.#retransmissions, RETRANSMIT_WAIT_MAX_US);
    this.arm(EndTimer.RETRANSMIT, kernelTimerUs(now, waitUs));
  }

  /** The retransmitted head reached the other host. */
  headArrives(): void {
    if (this.#isUnknownThere()) return;
    const now = this.#host.clock.now;
    if (this.#back.carries) this.arm(EndTimer.ACK, now + this.#back.delayUs());
    if (this.#delivered > this.#acked || this.#pending > this.#delivered) return;
    const first = this.#segments[this.#delivered];
    if (first === undefined) return;
    // The epoch tells whether an owner that is called here ended the connection.
    const epoch = this.#epoch;
    this.deliveredUs = now;
    this.#delivered++;
    this.#pending = this.#delivered;
    this.#deliver(first);
    while (epoch === this.#epoch) {
      const next = this.#segments[this.#delivered];
      if (next === undefined || !next.isBehindHole || next.arriveUs > now) return;
      this.#delivered++;
      this.#pending = this.#delivered;
      this.#deliver(next);
    }
  }

  /** The acknowledgement of a retransmitted head is back: the path carries both ways, everything flows. */
  acknowledged(): void {
    const now = this.#host.clock.now;
    this.#acked = this.#delivered;
    this.#lastAckUs = now;
    this.#window.restart(now);
    this.#hasRecovered = true;
    this.#flow(now);
  }

  /** Duplicate acknowledgements told of a loss: what was lost is sent again at once. */
  fastRetransmit(): void {
    const now = this.#host.clock.now;
    this.#forgetAcknowledged(now);
    if (!this.#isStalled || this.#retransmissions > 0) return;
    this.#host.tally.fastRetransmissions++;
    this.#window.shrink(now);
    this.#flow(now);
  }

  /** Packets of this end do not reach the other host from now on; those under way are lost. */
  forwardCut(): void {
    if (this.state === EndState.GONE) return;
    const now = this.#host.clock.now;
    this.#forgetAcknowledged(now);
    this.#epoch = this.#host.stamp();
    for (let i = this.#delivered; i < this.#segments.length; i++) {
      const segment = this.#segments[i] as Segment;
      if (i < this.#pending || segment.arriveUs > now) segment.isBehindHole = false;
    }
    this.#pending = this.#delivered;
    this.#lastArrivalUs = now;
    for (const timer of [EndTimer.HEAD, EndTimer.PROBE, EndTimer.SYN]) this.disarm(timer);
    this.#stallIfUnacknowledged(now);
  }

  /** Acknowledgements do not come back from now on; those under way are lost. */
  backwardCut(): void {
    if (this.state === EndState.GONE) return;
    const now = this.#host.clock.now;
    this.#forgetAcknowledged(now);
    for (let i = this.#acked; i < this.#segments.length; i++)
      (this.#segments[i] as Segment).ackUs = Number.POSITIVE_INFINITY;
    for (const timer of [
      EndTimer.ACK,
      EndTimer.FAST,
      EndTimer.PROBE_ANSWER,
      EndTimer.SYN_ANSWER,
      EndTimer.RESET,
    ])
      this.disarm(timer);
    this.#stallIfUnacknowledged(now);
  }

  /** The other end is gone, or either path was cut: from now on pulses are really sent. */
  armPulse(): void {
    if (this.#pulsePeriodUs > 0 && !this.isArmed(EndTimer.PULSE)) this.#armPulse();
  }

  pulseDue(): void {
    if (this.state !== EndState.OPEN || this.isClean) return;
    this.push(PULSE, this.#pulseBytes, undefined);
    this.#armPulse();
  }

  /**
   * When the last pulse before now left, of those that are computed and not sent; -Infinity without one. Only while
   * nothing is wrong, or at the moment when something goes wrong.
   */
  lastPulseUs(sinceUs: Micros): Micros {
    if (this.#pulsePeriodUs === 0 || this.isArmed(EndTimer.PULSE)) return Number.NEGATIVE_INFINITY;
    const periods = Math.floor((this.#host.clock.now - this.#pulseStartUs) / this.#pulsePeriodUs);
    const last = this.#pulseStartUs + Math.max(0, periods) * this.#pulsePeriodUs;
    return periods >= 0 && last >= sinceUs ? last : Number.NEGATIVE_INFINITY;
  }

  /** The last pulse was unanswered when a path was cut: it is what the retransmission's clock starts from, if it is the first. */
  recallPulse(sinceUs: Micros): void {
    const now = this.#host.clock.now;
    const last = this.lastPulseUs(sinceUs);
    if (this.state !== EndState.OPEN || last + this.#path.meanUs + this.#back.meanUs <= now) return;
    this.#forgetAcknowledged(now);
    const head = this.#segments[this.#acked];
    if (head !== undefined && head.sentUs <= last) return;
    this.#segments.splice(this.#acked, 0, {
      item: PULSE,
      packets: 1,
      bytes: this.#pulseBytes,
      beat: undefined,
      sentUs: last,
      arriveUs: Math.min(now, last + this.#path.meanUs),
      ackUs: last + this.#path.meanUs + this.#back.meanUs,
      isBehindHole: false,
    });
    // Nobody would hear of it, so it counts as arrived; only its acknowledgement is missing.
    this.#delivered++;
    this.#pending++;
  }

  /** When this end's kernel last heard from the other, as far as items and acknowledgements tell. */
  get lastHeardUs(): Micros {
    this.#forgetAcknowledged(this.#host.clock.now);
    return Math.max(this.heardUs, this.other.deliveredUs, this.#lastAckUs);
  }

  get hasUnacknowledged(): boolean {
    this.#forgetAcknowledged(this.#host.clock.now);
    return this.#acked < this.#segments.length;
  }

  /** The kernel knows the connection no more: nothing more is sent, what left the host before still arrives. */
  vanish(): void {
    this.state = EndState.GONE;
    this.owner = undefined;
    const now = this.#host.clock.now;
    for (let timer = 0; timer < EndTimer.COUNT; timer++) this.disarm(timer);
    let keep = this.#delivered;
    while (keep < this.#pending && (this.#segments[keep] as Segment).sentUs <= now) keep++;
    this.#segments.length = keep;
    this.#pending = keep;
    this.#isStalled = false;
  }

  /** The connection is over for both ends: nothing arrives any more. */
  forget(): void {
    this.vanish();
    this.#epoch = this.#host.stamp();
    this.#segments.length = 0;
    this.#acked = 0;
    this.#delivered = 0;
    this.#pending = 0;
  }

  // How it is done.

  get isClean(): boolean {
    return this.isHealthy && !this.#isStalled && this.#path.loss <= 0;
  }

  #armPulse(): void {
    const since = this.#host.clock.now - this.#pulseStartUs;
    const periods = Math.max(0, Math.floor(since / this.#pulsePeriodUs) + 1);
    this.arm(EndTimer.PULSE, this.#pulseStartUs + periods * this.#pulsePeriodUs);
  }

  /** Packets that so many bytes add to what leaves at this instant: who writes in a loop flushes once. */
  #packetsInBurst(bytes: number, now: Micros): number {
    if (now !== this.#burstUs) {
      this.#burstUs = now;
      this.#burstBytes = 0;
    }
    const before = Math.ceil(this.#burstBytes / SEGMENT_BYTES);
    this.#burstBytes += bytes;
    return Math.max(before === 0 ? 1 : 0, Math.ceil(this.#burstBytes / SEGMENT_BYTES) - before);
  }

  /** The one that was acknowledged last is used again: most connections have one item on its way at a time. */
  #newSegment(item: NonNullable<unknown>, bytes: number, beat: Beat | undefined, sentUs: Micros): Segment {
    const packets = segmentsOf(bytes);
    const ackUs = Number.POSITIVE_INFINITY;
    const spare = this.#spare;
    if (spare === undefined)
      return { item, packets, bytes, beat, sentUs, arriveUs: 0, ackUs, isBehindHole: false };
    this.#spare = undefined;
    spare.item = item;
    spare.packets = packets;
    spare.bytes = bytes;
    spare.beat = beat;
    spare.sentUs = sentUs;
    spare.arriveUs = 0;
    spare.ackUs = ackUs;
    spare.isBehindHole = false;
    return spare;
  }

  /** Sends a segment before which everything has arrived or is under way. */
  #launch(segment: Segment, now: Micros, packets: number): void {
    const path = this.#path;
    const back = this.#back;
    const roundTripUs = path.meanUs + back.meanUs;
    const departUs = this.#window.departUs(now, packets, roundTripUs, roundTripUs + RETRANSMIT_IDLE_US);
    segment.sentUs = departUs;
    this.#launches++;
    if (!path.carries || (path.loss > 0 && path.loses(packets))) {
      this.#stall(departUs);
      return;
    }
    const arriveUs = Math.max(this.#lastArrivalUs, departUs + path.delayUs(segment.beat));
    segment.arriveUs = arriveUs;
    this.#lastArrivalUs = arriveUs;
    this.#pending++;
    this.#host.scheduleArrival(arriveUs, this.id, this.#epoch);
    if (back.carries) segment.ackUs = arriveUs + back.meanUs;
    else this.#stall(departUs);
  }

  /**
   * Sends a segment, by its place, while something before it is unacknowledged for longer than it should be. False: the
   * window has no room for it, nor for any behind it.
   */
  #sendBehind(place: number, now: Micros): boolean {
    // After a timeout the window is one packet, the head: all else waits.
    if (this.#retransmissions > 0) return false;
    let packets = 0;
    for (let i = this.#acked; i <= place; i++) packets += (this.#segments[i] as Segment).packets;
    const used = this.#hasRecovered ? RECOVERED_WINDOW : this.#launches > WINDOW_USED ? WINDOW_USED : 0;
    if (packets > Math.max(this.#window.size, used)) return false;
    const segment = this.#segments[place] as Segment;
    this.#postpone(now);
    if (this.#pending === place) {
      this.#launch(segment, now, segment.packets);
      return true;
    }
    segment.sentUs = now;
    if (!this.#path.carries || this.#path.loses(segment.packets)) return true;
    segment.isBehindHole = true;
    segment.arriveUs = now + this.#path.delayUs(segment.beat);
    this.#countBehindHole(segment);
    return true;
  }

  /**
   * New data sets the one timer anew, to two round trips and two ticks once the head's own timeout is over (Linux'
   * tcp_schedule_loss_probe): as long as something new leaves in shorter intervals nothing is sent again.
   */
  #postpone(now: Micros): void {
    const probeUs = 2 * (this.#path.meanUs + this.#back.meanUs) + PROBE_EXTRA_US;
    const dueUs = kernelTimerUs(now, probeUs);
    if (!this.isArmed(EndTimer.RETRANSMIT) || dueUs <= this.#retransmitUs) return;
    this.#retransmitUs = dueUs;
    this.arm(EndTimer.RETRANSMIT, dueUs);
  }

  #countBehindHole(segment: Segment): void {
    const before = this.#packetsBehindHole;
    this.#packetsBehindHole += segment.packets;
    if (before >= DUPLICATE_ACKS || this.#packetsBehindHole < DUPLICATE_ACKS || !this.#back.carries) return;
    this.arm(EndTimer.FAST, Math.max(this.#host.clock.now, segment.arriveUs) + this.#back.meanUs);
  }

  #stall(sinceUs: Micros): void {
    if (this.#isStalled) return;
    this.#isStalled = true;
    this.#retransmissions = 0;
    this.#packetsBehindHole = 0;
    const dueUs = kernelTimerUs(sinceUs, retransmissionTimeoutUs(this.#path, this.#back));
    this.#retransmitUs = Math.max(this.#host.clock.now, dueUs);
    this.arm(EndTimer.RETRANSMIT, this.#retransmitUs);
    this.armPulse();
  }

  #stallIfUnacknowledged(now: Micros): void {
    const head = this.#segments[this.#acked];
    if (head !== undefined) this.#stall(Math.min(head.sentUs, now));
  }

  /** Sends everything that waits, in order; what the receiver keeps behind the hole comes out when its turn is there. */
  #flow(now: Micros): void {
    this.#isStalled = false;
    this.disarm(EndTimer.RETRANSMIT);
    this.disarm(EndTimer.FAST);
    this.disarm(EndTimer.HEAD);
    this.#retransmissions = 0;
    for (let i = this.#acked; i < this.#pending; i++) {
      const segment = this.#segments[i] as Segment;
      if (segment.ackUs === Number.POSITIVE_INFINITY && this.#back.carries)
        segment.ackUs = Math.max(now, segment.arriveUs) + this.#back.meanUs;
    }
    // What waited leaves as one stream of bytes: small items share packets (tcp_sendmsg, tcp_retrans_try_collapse).
    let waitedBytes = 0;
    let hasRoom = true;
    for (let i = this.#pending; i < this.#segments.length; i++) {
      const segment = this.#segments[i] as Segment;
      if (!this.#isStalled && segment.isBehindHole) this.#release(segment, now);
      else if (!this.#isStalled) {
        const packetsBefore = Math.ceil(waitedBytes / SEGMENT_BYTES);
        waitedBytes += segment.bytes;
        this.#launch(segment, now, Math.ceil(waitedBytes / SEGMENT_BYTES) - packetsBefore);
      } else if (segment.isBehindHole) this.#countBehindHole(segment);
      else if (hasRoom) hasRoom = this.#sendBehind(i, now);
    }
  }

  #release(segment: Segment, now: Micros): void {
    segment.isBehindHole = false;
    segment.arriveUs = Math.max(this.#lastArrivalUs, segment.arriveUs, now);
    this.#lastArrivalUs = segment.arriveUs;
    this.#pending++;
    this.#host.scheduleArrival(segment.arriveUs, this.id, this.#epoch);
    if (this.#back.carries) segment.ackUs = segment.arriveUs + this.#back.meanUs;
    else this.#stall(segment.sentUs);
  }

  /** Hands an arrived item to the other end's owner, or to its kernel. */
  #deliver(segment: Segment): void {
    const item = segment.item;
    const other = this.other;
    if (item === ACCEPT) {
      if (!this.#host.accept(other)) this.#host.answerUnknown(this);
      return;
    }
    if (item === FIN) {
      this.#host.destroy(other, "closed");
      return;
    }
    if (other.state !== EndState.OPEN) {
      this.#host.answerUnknown(this);
      return;
    }
    if (item === PULSE) return;
    // Owners that know no beats have no use for a third argument that is undefined.
    if (segment.beat === undefined) other.owner?.received(other, item);
    else other.owner?.received(other, item, segment.beat);
  }

  #isUnknownThere(): boolean {
    const state = this.other.state;
    if (state === EndState.OPEN || state === EndState.CONNECTING) return false;
    // A goodbye needs no answer: an orphan's other end is unknown there, and that settles it as well.
    this.#host.answerUnknown(this);
    return true;
  }

  /** Drops what is known to be acknowledged. Acknowledgements are cumulative: a later one stands for the earlier ones. */
  #forgetAcknowledged(now: Micros): void {
    const segments = this.#segments;
    if (this.#isStalled) {
      if (this.#retransmissions === 0) this.#forgetInStall(now);
    } else {
      let acked = this.#acked;
      while (acked < this.#delivered && (segments[acked] as Segment).ackUs <= now) acked++;
      if (acked > this.#acked) {
        this.#lastAckUs = (segments[acked - 1] as Segment).ackUs;
        this.#acked = acked;
      }
    }
    if (this.#acked === 0) return;
    if (this.#acked === segments.length) {
      // One by one, which keeps the array's places for what comes next.
      while (segments.length > 0) this.#spare = segments.pop();
      (this.#spare as Segment).item = NOTHING;
      this.#delivered = 0;
      this.#pending = 0;
      this.#acked = 0;
    } else if (this.#acked >= FORGET_BATCH) {
      segments.splice(0, this.#acked);
      this.#delivered -= this.#acked;
      this.#pending -= this.#acked;
      this.#acked = 0;
    }
  }

  #forgetInStall(now: Micros): void {
    for (let i = this.#delivered - 1; i >= this.#acked; i--) {
      const segment = this.#segments[i] as Segment;
      if (segment.ackUs > now) continue;
      this.#acked = i + 1;
      this.#lastAckUs = segment.ackUs;
      break;
    }
    if (this.#acked < this.#segments.length) return;
    this.#isStalled = false;
    this.disarm(EndTimer.RETRANSMIT);
    this.disarm(EndTimer.FAST);
  }
}

/** Pause after which the window starts small again: about a retransmission timeout beyond the round trip. */
const RETRANSMIT_IDLE_US: Micros = 200_000;

/** Two ticks of a kernel with 250 a second (TCP_TIMEOUT_MIN), beside two round trips, until a loss probe. */
const PROBE_EXTRA_US: Micros = 8_000;

/** Packets that a stream in use may have unanswered before a first stall, as {@link RECOVERED_WINDOW} after it: windows of 18 to 20 were seen. */
const WINDOW_USED = 18;

/** After so many small items, a round trip or more apart, a window grows no more. */
const ITEMS_REMEMBERED = 4;

/** Segments forgotten at a time. */
const FORGET_BATCH = 64;
