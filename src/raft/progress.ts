import type { MemberId } from "./types.js";

/**
 * How a leader feeds one follower. *Probe*: where its log agrees is not known, so one AppendEntries with entries goes
 * out per answer or heartbeat. *Replicate*: it agrees so far, so entries are sent optimistically, up to the window.
 * *Snapshot*: it is behind the compacted log; a snapshot is under way, and nothing else is sent.
 */
export type ProgressState = "probe" | "replicate" | "snapshot";

/** A leader's picture of one member's log (figure 2, "volatile state on leaders"), with flow control. */
export class Progress {
  readonly id: MemberId;
  /** The member's log is known to equal ours, and to be on its disk, through here. */
  matchIndex = 0;
  /** The next entry to send. *Invariant:* above matchIndex. */
  nextIndex = 1;
  state: ProgressState = "probe";
  /** In probe: entries are under way and unanswered. */
  probeSent = false;
  /** In snapshot: the index of the one under way. */
  pendingSnapshot = 0;
  /** Heard from since the last check of the quorum. */
  recentActive = false;
  /** The latest round of reads whose heartbeat the member answered (reads.ts). */
  readRound = 0;
  /** It has a vote among the voters; of the new half, in a joint configuration. */
  isVoter = true;
  /** It has a vote in the old half of a joint configuration. */
  isOutgoing = false;
  readonly inflights: Inflights;

  constructor(id: MemberId, inflightMessagesMax: number) {
    this.id = id;
    this.inflights = new Inflights(inflightMessagesMax);
  }

  /** Forgets everything, as at the start of a term (§5.3: nextIndex starts just after the leader's last entry). */
  reset(lastIndex: number): void {
    this.matchIndex = 0;
    this.nextIndex = lastIndex + 1;
    this.state = "probe";
    this.probeSent = false;
    this.pendingSnapshot = 0;
    this.recentActive = false;
    this.readRound = 0;
    this.inflights.clear();
  }

  /** After a snapshot the probe begins behind it, if it is not known to have failed. */
  becomeProbe(): void {
    this.nextIndex = Math.max(this.matchIndex, this.pendingSnapshot) + 1;
    this.#enter("probe");
  }

  becomeReplicate(): void {
    this.nextIndex = this.matchIndex + 1;
    this.#enter("replicate");
  }

  becomeSnapshot(index: number): void {
    this.nextIndex = index + 1;
    this.#enter("snapshot");
    this.pendingSnapshot = index;
  }

  get isPaused(): boolean {
    if (this.state === "replicate") return this.inflights.isFull;
    return this.state === "snapshot" || this.probeSent;
  }

  /** The member acknowledged everything through `index`. Returns whether that is news. */
  maybeUpdate(index: number): boolean {
    if (this.nextIndex <= index) this.nextIndex = index + 1;
    if (index <= this.matchIndex) return false;
    this.matchIndex = index;
    this.probeSent = false;
    return true;
  }

  /**
   * The member refused entries after `refused` and can agree with us through `hint` at most. Returns false if the
   * refusal is older than what we know since (messages may overtake each other).
   */
  maybeDecrease(refused: number, hint: number): boolean {
    if (this.state === "replicate") {
      if (refused <= this.matchIndex) return false;
      this.nextIndex = this.matchIndex + 1;
      return true;
    }
    if (this.nextIndex - 1 !== refused) return false;
    this.nextIndex = Math.max(Math.min(refused, hint + 1), this.matchIndex + 1);
    this.probeSent = false;
    return true;
  }

  #enter(state: ProgressState): void {
    this.state = state;
    this.probeSent = false;
    this.pendingSnapshot = 0;
    this.inflights.clear();
  }
}

/** The AppendEntries under way to one follower, oldest first, each known by its last entry's index. */
export class Inflights {
  readonly #max: number;
  /** A ring that grows to its maximum: most windows stay almost empty. */
  #ring: number[] = [];
  #start = 0;
  #count = 0;

  constructor(max: number) {
    this.#max = max;
  }

  get count(): number {
    return this.#count;
  }

  get isFull(): boolean {
    return this.#count === this.#max;
  }

  clear(): void {
    this.#start = 0;
    this.#count = 0;
  }

  add(lastIndex: number): void {
    if (this.#count === this.#ring.length) this.#grow();
    this.#ring[(this.#start + this.#count) % this.#ring.length] = lastIndex;
    this.#count += 1;
  }

  /** Those that end at or below `index` have arrived. */
  freeThrough(index: number): void {
    while (this.#count > 0 && (this.#ring[this.#start] as number) <= index) this.freeFirst();
  }

  freeFirst(): void {
    this.#start = (this.#start + 1) % this.#ring.length;
    this.#count -= 1;
  }

  #grow(): void {
    const size = Math.min(this.#max, Math.max(8, this.#ring.length * 2));
    const ring: number[] = new Array<number>(size).fill(0);
    for (let i = 0; i < this.#count; i++) {
      ring[i] = this.#ring[(this.#start + i) % this.#ring.length] as number;
    }
    this.#ring = ring;
    this.#start = 0;
  }
}
