import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { EventList, type PoppedEvent } from "../../src/engine/event-list.js";

/** What the list should do, by sorting: the plainest thing that is right. */
class SortedList {
  private readonly events: (PoppedEvent & { sequence: number })[] = [];
  private sequence = 0;

  push(time: number, kind: number, subject: number, detail: number): void {
    this.events.push({ time, kind, subject, detail, sequence: this.sequence++ });
    this.events.sort((a, b) => a.time - b.time || a.sequence - b.sequence);
  }

  pop(): PoppedEvent | undefined {
    const event = this.events.shift();
    return event && { time: event.time, kind: event.kind, subject: event.subject, detail: event.detail };
  }

  get size(): number {
    return this.events.length;
  }
}

function popped(list: EventList): PoppedEvent {
  const event = { time: -1, kind: -1, subject: -1, detail: -1 };
  list.pop(event);
  return event;
}

describe("the event list", () => {
  it("does what a sorted list does, for any mixture of pushes and pops", () => {
    const operation = fc.oneof(
      {
        weight: 3,
        arbitrary: fc.record({
          time: fc.integer({ min: 0, max: 30 }),
          kind: fc.integer({ min: 0, max: 65_535 }),
        }),
      },
      { weight: 2, arbitrary: fc.constant("pop" as const) },
    );
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 300 }), (operations) => {
        const list = new EventList();
        const reference = new SortedList();
        let count = 0;
        for (const step of operations) {
          if (step !== "pop") {
            list.push(step.time, step.kind, ++count, -count);
            reference.push(step.time, step.kind, count, -count);
          } else if (reference.size > 0) expect(popped(list)).toEqual(reference.pop());
          expect(list.size).toBe(reference.size);
        }
        while (reference.size > 0) expect(popped(list)).toEqual(reference.pop());
        expect(list.nextTime).toBe(Number.POSITIVE_INFINITY);
      }),
      { numRuns: 200 },
    );
  });

  it("finds the earliest event but for those ignored, as a look at all of them does", () => {
    const events = fc.array(fc.record({ time: fc.nat(50), kind: fc.nat(3), subject: fc.nat(5) }), {
      maxLength: 200,
    });
    fc.assert(
      fc.property(events, fc.nat(3), fc.nat(5), (all, kind, subject) => {
        const list = new EventList();
        for (const event of all) list.push(event.time, event.kind, event.subject, 0);
        const isIgnored = (k: number, s: number) => k === kind || s === subject;
        const others = all.filter((event) => !isIgnored(event.kind, event.subject));
        expect(list.nextTimeExcept(isIgnored)).toBe(Math.min(...others.map((event) => event.time)));
      }),
      { numRuns: 200 },
    );
  });

  it("looks at few events beside the ignored ones to find the earliest other", () => {
    const list = new EventList();
    for (let i = 0; i < 10_000; i++) list.push(100 + i, 1, i, 0);
    for (let i = 0; i < 5; i++) list.push(10 + i, 0, i, 0);
    let looks = 0;
    const earliest = list.nextTimeExcept((kind) => {
      looks += 1;
      return kind === 0;
    });
    expect(earliest).toBe(100);
    expect(looks).toBeLessThanOrEqual(5 + 5 * 4);
  });

  it("keeps the order of insertion among thousands of events of one time, across several growths", () => {
    const list = new EventList();
    for (let i = 0; i < 5_000; i++) list.push(i % 2 === 0 ? 7 : 3, 0, i, 0);
    const subjects: number[] = [];
    while (list.size > 0) subjects.push(popped(list).subject);
    const odd = Array.from({ length: 2_500 }, (_, i) => 2 * i + 1);
    const even = Array.from({ length: 2_500 }, (_, i) => 2 * i);
    expect(subjects).toEqual([...odd, ...even]);
  });

  it("keeps doubles of time, subject and detail to the last bit", () => {
    const list = new EventList();
    list.push(2 ** 53 - 1, 65_535, 2 ** 52 + 1, Number.MIN_VALUE);
    expect(list.nextTime).toBe(2 ** 53 - 1);
    expect(popped(list)).toEqual({
      time: 2 ** 53 - 1,
      kind: 65_535,
      subject: 2 ** 52 + 1,
      detail: Number.MIN_VALUE,
    });
  });

  it("refuses to pop from an empty list", () => {
    expect(() => popped(new EventList())).toThrow("empty event list");
  });
});
