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
