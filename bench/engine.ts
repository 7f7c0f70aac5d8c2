/**
 * The event list against a plain binary heap of objects, in one process: the hold model (D. W. Jones, CACM 29, 1986),
 * take the first event and put one back a random time later, at several sizes. Prints ns a hold and the ratio.
 *
 *   npm run bench -- engine
 */
import { performance } from "node:perf_hooks";

// The built files are measured, natively loaded: they are what runs (a loader that rewrites private fields slows them).
const { EventList } = await fromBuild<typeof import("../src/engine/event-list.js")>("event-list.js");
const { RandomStreams } = await fromBuild<typeof import("../src/engine/random.js")>("random.js");

function fromBuild<M>(file: string): Promise<M> {
  return import(new URL(`../dist/engine/${file}`, import.meta.url).href) as Promise<M>;
}

interface PlainEvent {
  readonly time: number;
  readonly sequence: number;
  readonly kind: number;
  readonly subject: number;
  readonly detail: number;
}

/** The baseline: what one would write first. */
class ObjectHeap {
  readonly #events: PlainEvent[] = [];

  push(event: PlainEvent): void {
    const events = this.#events;
    events.push(event);
    let at = events.length - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = events[parent] as PlainEvent;
      if (!before(event, above)) break;
      events[at] = above;
      at = parent;
    }
    events[at] = event;
  }

  pop(): PlainEvent {
    const events = this.#events;
    const first = events[0] as PlainEvent;
    const last = events.pop() as PlainEvent;
    if (events.length === 0) return first;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= events.length) break;
      if (child + 1 < events.length && before(events[child + 1] as PlainEvent, events[child] as PlainEvent))
        child++;
      if (!before(events[child] as PlainEvent, last)) break;
      events[at] = events[child] as PlainEvent;
      at = child;
    }
    events[at] = last;
    return first;
  }
}

function before(a: PlainEvent, b: PlainEvent): boolean {
  return a.time < b.time || (a.time === b.time && a.sequence < b.sequence);
}

const delays = new Float64Array(1 << 16);
const stream = new RandomStreams("bench").stream("delays");
for (let i = 0; i < delays.length; i++) delays[i] = Math.floor(-Math.log1p(-stream.uniform()) * 1e6);

function holdEventList(size: number, holds: number): number {
  const list = new EventList();
  for (let i = 0; i < size; i++) list.push(delays[i & 0xffff] as number, 1, i, 0);
  const event = { time: 0, kind: 0, subject: 0, detail: 0 };
  const start = performance.now();
  for (let i = 0; i < holds; i++) {
    list.pop(event);
    list.push(event.time + (delays[i & 0xffff] as number), event.kind, event.subject, i);
  }
  return ((performance.now() - start) * 1e6) / holds;
}

function holdObjects(size: number, holds: number): number {
  const heap = new ObjectHeap();
  let sequence = 0;
  for (let i = 0; i < size; i++) {
    heap.push({ time: delays[i & 0xffff] as number, sequence: sequence++, kind: 1, subject: i, detail: 0 });
  }
  const start = performance.now();
  for (let i = 0; i < holds; i++) {
    const event = heap.pop();
    const time = event.time + (delays[i & 0xffff] as number);
    heap.push({ time, sequence: sequence++, kind: event.kind, subject: event.subject, detail: i });
  }
  return ((performance.now() - start) * 1e6) / holds;
}

/** Median of five turns, the two taken alternately so that a busy machine hurts both alike. */
function compare(size: number): void {
  const holds = 300_000;
  const ours: number[] = [];
  const baseline: number[] = [];
  for (let turn = 0; turn < 5; turn++) {
    ours.push(holdEventList(size, holds));
    baseline.push(holdObjects(size, holds));
  }
  const [a, b] = [median(ours), median(baseline)];
  console.log(
    `${String(size).padStart(8)} waiting: event list ${a.toFixed(0)} ns a hold, objects ${b.toFixed(0)} ns, ` +
      `${(b / a).toFixed(2)} times as fast`,
  );
}

function median(values: number[]): number {
  return values.sort((x, y) => x - y)[values.length >> 1] as number;
}

for (const size of [100, 1_000, 10_000, 100_000, 1_000_000]) compare(size);
