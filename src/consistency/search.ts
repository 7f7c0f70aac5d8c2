/**
 * The search for a linearization: an order of all operations, each between its call and its return, in which a sequential
 * specification gives every answer that was given (Herlihy & Wing 1990). It goes forward over calls and returns and undoes
 * what led nowhere (Wing & Gong 1993), with a memory of (operations placed, state) met before (Lowe 2017, who also gave
 * the linked list of calls and returns).
 *
 * Operations of unknown outcome may be placed anywhere after their call, or never. They are what makes the search dear, so:
 * - an operation that is known to change nothing is placed as soon as it fits; that never closes a way;
 * - an unknown one is placed only if the model says it may matter ({@link SearchModel.mayMatter}), and unknown ones of
 *   equal effect only in the order of their calls;
 * - a step after which something left can never be placed is not taken ({@link SearchModel.isDeadEnd});
 * - a point is given up also if an earlier, failed one had placed the same known operations, was in the same state and had
 *   used up no unknown one that is still to be had here.
 */

/** The sequential specification as the search sees it. Operations are numbers from 0, in the order of their calls. */
export interface SearchModel<State> {
  readonly initial: State;
  /**
   * The state after the operation, or undefined if it cannot come next with the answer it got. The same object: nothing
   * changed. An unknown operation for which `variants` is 2 is asked for both of its ways.
   */
  step(state: State, operation: number, variant: number): State | undefined;
  variants(operation: number): number;
  /** Whether the answer alone shows that the operation changes nothing. */
  isPure(operation: number): boolean;
  /**
   * Whether the unknown operation, just placed and leading to `after`, can make a difference if `next` comes right after
   * it; asked for the operations that could.
   */
  mayMatter(unknown: number, after: State, next: number): boolean;
  /** Whether mayMatter has anything to say; it costs a look at all operations that could come next. */
  readonly asksWhatMatters: boolean;
  /**
   * Whether going from one state to the other by the operation makes it certain that some operation which is left can never
   * be placed. May always say no; {@link SearchModel.placed} tells what is left.
   */
  isDeadEnd(before: State, after: State, operation: number): boolean;
  /** The operation was placed, or taken back. */
  placed(operation: number, isPlaced: boolean): void;
  /** Whether of two known operations that fit, either may have to be tried. */
  readonly knownBranch: boolean;
  hash(state: State): number;
  equal(a: State, b: State): boolean;
}

/** An operation's span; without `returnUs` its outcome is unknown. */
export interface Span {
  readonly callUs: number;
  readonly returnUs?: number | undefined;
  /** Unknown operations of one class (≥ 0) have the same effect wherever they are placed; -1: in a class of its own. */
  readonly effectClass: number;
}

export interface SearchResult<State> {
  readonly verdict: "found" | "none" | "undecided";
  /** Operations in order: a linearization, or the longest that was reached. Unknown ones left out had no effect. */
  readonly order: readonly number[];
  /** After the last of them. */
  readonly state: State;
  /** Steps of the model that were tried. */
  readonly steps: number;
}

/** `spans` ascend by call. Gives up ("undecided") after `maxSteps` steps. */
export function searchLinearization<State>(
  spans: readonly Span[],
  model: SearchModel<State>,
  maxSteps: number,
): SearchResult<State> {
  return new Search(spans, model, maxSteps).run();
}

/** Points of the memory that are compared in about the time of a step. */
const COMPARED_PER_STEP = 4;

/** A choice that can be undone. */
interface Frame<State> {
  readonly state: State;
  /** How many operations were placed before it. */
  readonly placed: number;
  /** The call that was placed, and in which of its ways. */
  readonly entry: number;
  readonly variant: number;
}

class Search<State> {
  readonly #model: SearchModel<State>;
  readonly #maxSteps: number;
  readonly #timeline: Timeline;
  readonly #memory: Memory<State>;
  readonly #frames: Frame<State>[] = [];
  readonly #trail: number[] = [];
  #state: State;
  #steps = 0;
  #best: number[] = [];
  #bestState: State;
  #bestKnown = -1;

  constructor(spans: readonly Span[], model: SearchModel<State>, maxSteps: number) {
    this.#model = model;
    this.#maxSteps = maxSteps;
    this.#timeline = new Timeline(spans);
    this.#memory = new Memory(spans, model);
    this.#state = model.initial;
    this.#bestState = model.initial;
  }

  run(): SearchResult<State> {
    this.#settle();
    let entry = this.#timeline.first;
    let variant = 0;
    while (this.#timeline.knownLeft > 0) {
      if (this.#steps + this.#memory.compared / COMPARED_PER_STEP > this.#maxSteps)
        return this.#result("undecided");
      if (this.#choose(entry, variant)) {
        this.#settle();
        entry = this.#timeline.first;
        variant = 0;
        continue;
      }
      this.#remember();
      const frame = this.#frames.pop();
      if (frame === undefined) return this.#result("none");
      this.#undo(frame);
      entry = frame.entry;
      variant = frame.variant + 1;
    }
    this.#remember();
    return this.#result("found");
  }

  /** Places all that fits and changes nothing. */
  #settle(): void {
    const timeline = this.#timeline;
    for (let entry = timeline.first; timeline.isCall(entry); ) {
      const operation = timeline.operationOf(entry);
      if (
        !timeline.isUnknown(operation) &&
        this.#model.isPure(operation) &&
        this.#step(this.#state, operation, 0) === this.#state
      ) {
        entry = this.#place(entry);
      } else {
        entry = timeline.after(entry);
      }
    }
  }

  /** Places the first operation from `entry` (in its `variant`-th way) on that fits and leads to a new point. */
  #choose(entry: number, variant: number): boolean {
    const timeline = this.#timeline;
    for (let at = entry, way = variant; timeline.isCall(at); at = timeline.after(at), way = 0) {
      const operation = timeline.operationOf(at);
      const isUnknown = timeline.isUnknown(operation);
      if (isUnknown && !timeline.isFirstOfClass(operation)) continue;
      for (; way < this.#model.variants(operation); way += 1) {
        const after = this.#step(this.#state, operation, way);
        if (after === undefined) continue;
        // An unknown operation without effect might as well never be placed.
        if (isUnknown && (after === this.#state || !this.#canMatter(operation, after))) continue;
        if (this.#model.isDeadEnd(this.#state, after, operation)) continue;
        if (this.#tryPoint(at, way, after, isUnknown)) return true;
      }
    }
    return false;
  }

  #tryPoint(entry: number, variant: number, after: State, isUnknown: boolean): boolean {
    const operation = this.#timeline.operationOf(entry);
    if ((isUnknown || this.#model.knownBranch) && !this.#memory.isNew(operation, after)) return false;
    this.#frames.push({ state: this.#state, placed: this.#trail.length, entry, variant });
    this.#place(entry);
    this.#state = after;
    return true;
  }

  #canMatter(unknown: number, after: State): boolean {
    if (!this.#model.asksWhatMatters) return true;
    const timeline = this.#timeline;
    for (let at = timeline.first; timeline.isCall(at); at = timeline.after(at)) {
      const next = timeline.operationOf(at);
      if (next !== unknown && this.#model.mayMatter(unknown, after, next)) {
        for (let way = 0; way < this.#model.variants(next); way += 1) {
          if (this.#step(after, next, way) !== undefined) return true;
        }
      }
    }
    return false;
  }

  #step(state: State, operation: number, variant: number): State | undefined {
    this.#steps += 1;
    return this.#model.step(state, operation, variant);
  }

  /** The entry that follows what was taken out. */
  #place(entry: number): number {
    const operation = this.#timeline.operationOf(entry);
    this.#trail.push(operation);
    this.#memory.toggle(operation);
    this.#model.placed(operation, true);
    return this.#timeline.takeOut(operation);
  }

  #undo(frame: Frame<State>): void {
    while (this.#trail.length > frame.placed) {
      const operation = this.#trail.pop() as number;
      this.#memory.toggle(operation);
      this.#model.placed(operation, false);
      this.#timeline.putBack(operation);
    }
    this.#state = frame.state;
  }

  /** Keeps the longest order that was reached, counted in known operations. */
  #remember(): void {
    const known = this.#timeline.knownCount - this.#timeline.knownLeft;
    if (known <= this.#bestKnown) return;
    this.#bestKnown = known;
    this.#best = this.#trail.slice();
    this.#bestState = this.#state;
  }

  #result(verdict: SearchResult<State>["verdict"]): SearchResult<State> {
    if (verdict === "undecided") this.#remember();
    return { verdict, order: this.#best, state: this.#bestState, steps: this.#steps };
  }
}

/** The end of the list of entries, which has no call and no return. */
const END = 0;

/** Calls and returns not yet taken out, in the order of time, as a doubly linked list over entry numbers from 1. */
class Timeline {
  readonly knownCount: number;
  #knownLeft: number;
  readonly #next: Int32Array;
  readonly #previous: Int32Array;
  /** By entry: the operation for its call, ~operation for its return. */
  readonly #entries: Int32Array;
  readonly #callOf: Int32Array;
  /** END: it has none. */
  readonly #returnOf: Int32Array;
  /** By unknown operation: the one of its class called before it, or -1. */
  readonly #classmate: Int32Array;
  readonly #isOut: Uint8Array;

  constructor(spans: readonly Span[]) {
    const moments: { readonly us: number; readonly code: number }[] = [];
    for (const [operation, span] of spans.entries()) {
      moments.push({ us: span.callUs, code: operation });
      if (span.returnUs !== undefined) moments.push({ us: span.returnUs, code: ~operation });
    }
    // At one moment calls come before returns: what ends when another begins may have overlapped it.
    moments.sort(
      (a, b) => a.us - b.us || Math.sign(b.code + 0.5) - Math.sign(a.code + 0.5) || a.code - b.code,
    );
    const size = moments.length + 1;
    this.#next = new Int32Array(size);
    this.#previous = new Int32Array(size);
    this.#entries = new Int32Array(size);
    this.#callOf = new Int32Array(spans.length);
    this.#returnOf = new Int32Array(spans.length);
    this.#isOut = new Uint8Array(spans.length);
    for (let entry = 0; entry < size; entry += 1) {
      this.#next[entry] = (entry + 1) % size;
      this.#previous[entry] = (entry + size - 1) % size;
      const moment = moments[entry - 1];
      if (moment === undefined) continue;
      this.#entries[entry] = moment.code;
      if (moment.code >= 0) this.#callOf[moment.code] = entry;
      else this.#returnOf[~moment.code] = entry;
    }
    this.knownCount = spans.filter((span) => span.returnUs !== undefined).length;
    this.#knownLeft = this.knownCount;
    this.#classmate = classmates(spans);
  }

  get knownLeft(): number {
    return this.#knownLeft;
  }

  /** The first entry; not a call where nothing is left. */
  get first(): number {
    return this.#next[END] as number;
  }

  after(entry: number): number {
    return this.#next[entry] as number;
  }

  /** Whether the entry is a call. Up to the first entry that is not, any operation may come next. */
  isCall(entry: number): boolean {
    return entry !== END && (this.#entries[entry] as number) >= 0;
  }

  operationOf(callEntry: number): number {
    return this.#entries[callEntry] as number;
  }

  isUnknown(operation: number): boolean {
    return this.#returnOf[operation] === END;
  }

  isFirstOfClass(unknown: number): boolean {
    const before = this.#classmate[unknown] as number;
    return before < 0 || this.#isOut[before] === 1;
  }

  /** Returns the entry after the operation's call. */
  takeOut(operation: number): number {
    const call = this.#callOf[operation] as number;
    const before = this.#previous[call] as number;
    this.#unlink(call);
    if (!this.isUnknown(operation)) {
      this.#unlink(this.#returnOf[operation] as number);
      this.#knownLeft -= 1;
    }
    this.#isOut[operation] = 1;
    return this.#next[before] as number;
  }

  /** Undoes takeOut; the last taken out comes back first. */
  putBack(operation: number): void {
    if (!this.isUnknown(operation)) {
      this.#relink(this.#returnOf[operation] as number);
      this.#knownLeft += 1;
    }
    this.#relink(this.#callOf[operation] as number);
    this.#isOut[operation] = 0;
  }

  #unlink(entry: number): void {
    const before = this.#previous[entry] as number;
    const after = this.#next[entry] as number;
    this.#next[before] = after;
    this.#previous[after] = before;
  }

  #relink(entry: number): void {
    this.#next[this.#previous[entry] as number] = entry;
    this.#previous[this.#next[entry] as number] = entry;
  }
}

function classmates(spans: readonly Span[]): Int32Array {
  const last = new Map<number, number>();
  const found = new Int32Array(spans.length).fill(-1);
  for (const [operation, span] of spans.entries()) {
    if (span.returnUs !== undefined || span.effectClass < 0) continue;
    found[operation] = last.get(span.effectClass) ?? -1;
    last.set(span.effectClass, operation);
  }
  return found;
}

/** A point of the search: what was placed, and the state. */
interface Point<State> {
  readonly state: State;
  /** The known operations that were placed, as words of bits, and the number of the first word kept (all before are full). */
  readonly known: Uint32Array;
  readonly knownFrom: number;
  readonly unknown: Uint32Array;
}

/** Points met before. Compared in full: a hash that two points share costs time and never a wrong answer. */
class Memory<State> {
  /** How many points were held against each other. */
  compared = 0;
  readonly #model: SearchModel<State>;
  readonly #isUnknown: Uint8Array;
  /** By operation: its place among the known, or among the unknown. */
  readonly #place: Int32Array;
  readonly #known: Uint32Array;
  readonly #unknown: Uint32Array;
  readonly #points = new Map<number, Point<State>[]>();
  #hash = 0;

  constructor(spans: readonly Span[], model: SearchModel<State>) {
    this.#model = model;
    this.#isUnknown = new Uint8Array(spans.length);
    this.#place = new Int32Array(spans.length);
    let known = 0;
    let unknown = 0;
    for (const [operation, span] of spans.entries()) {
      const isUnknown = span.returnUs === undefined;
      this.#isUnknown[operation] = isUnknown ? 1 : 0;
      this.#place[operation] = isUnknown ? unknown++ : known++;
    }
    this.#known = new Uint32Array((known >>> 5) + 1);
    this.#unknown = new Uint32Array((unknown >>> 5) + 1);
  }

  toggle(operation: number): void {
    const place = this.#place[operation] as number;
    const words = this.#isUnknown[operation] === 1 ? this.#unknown : this.#known;
    words[place >>> 5] = (words[place >>> 5] as number) ^ (1 << (place & 31));
    if (words === this.#known) this.#hash ^= scatter(place);
  }

  /** Whether the point that placing the operation leads to was neither met nor made hopeless before; keeps it if so. */
  isNew(operation: number, state: State): boolean {
    this.toggle(operation);
    const hash = (this.#hash ^ scatter(this.#model.hash(state))) >>> 0;
    const isNew = this.#keep(hash, state);
    this.toggle(operation);
    return isNew;
  }

  #keep(hash: number, state: State): boolean {
    const bucket = this.#points.get(hash);
    if (bucket?.some((point) => this.#covers(point, state))) return false;
    let from = 0;
    while (from < this.#known.length && this.#known[from] === 0xffffffff) from += 1;
    let to = this.#known.length;
    while (to > from && this.#known[to - 1] === 0) to -= 1;
    const point = {
      state,
      known: this.#known.slice(from, to),
      knownFrom: from,
      unknown: this.#unknown.slice(),
    };
    if (bucket === undefined) this.#points.set(hash, [point]);
    else bucket.push(point);
    return true;
  }

  /** Whether from the earlier point all could be done that can be done from here. */
  #covers(point: Point<State>, state: State): boolean {
    this.compared += 1;
    for (let word = 0; word < this.#unknown.length; word += 1) {
      if (((point.unknown[word] as number) & ~(this.#unknown[word] as number)) !== 0) return false;
    }
    const to = point.knownFrom + point.known.length;
    for (let word = 0; word < this.#known.length; word += 1) {
      const there =
        word < point.knownFrom ? 0xffffffff : word < to ? (point.known[word - point.knownFrom] as number) : 0;
      if (there !== this.#known[word]) return false;
    }
    return this.#model.equal(point.state, state);
  }
}

/** Bits spread over 32 (the finaliser of MurmurHash3). */
function scatter(value: number): number {
  let bits = Math.imul((value + 0x9e3779b9) ^ ((value + 0x9e3779b9) >>> 16), 0x85ebca6b);
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
  return bits ^ (bits >>> 16);
}
