import { describe, expect, it } from "vitest";
import { EventRecorder } from "../../src/cluster/controllers/event-recorder.js";
import { Expectations } from "../../src/cluster/controllers/expectations.js";
import type { RequestOutcome } from "../../src/cluster/core.js";
import { MILLISECOND, MINUTE, SECOND } from "../../src/units/time.js";
import { constant, Harness } from "./workload-harness.js";

type Done = (ok: boolean) => void;

function queueIn(harness: Harness) {
  const syncs: { readonly key: number; readonly atUs: number; readonly done: Done }[] = [];
  const queue = harness.queues.create("test", (key, done) =>
    syncs.push({ key, atUs: harness.sim.now, done }),
  );
  harness.start();
  queue.start();
  return { queue, syncs };
}

describe("a work queue", () => {
  it("syncs a key once for all events that come before its sync", () => {
    const harness = new Harness({ syncUs: constant(10 * MILLISECOND) });
    const { queue, syncs } = queueIn(harness);
    queue.add(7);
    queue.add(7);
    queue.add(8);
    harness.runFor(SECOND);
    expect(syncs.map(({ key, atUs }) => [key, atUs])).toEqual([
      [7, 10 * MILLISECOND],
      [8, 10 * MILLISECOND],
    ]);
  });

  it("gives a key to one worker at a time, and to the next one after the first is done", () => {
    const harness = new Harness();
    const { queue, syncs } = queueIn(harness);
    queue.add(1);
    harness.runFor(SECOND);
    queue.add(1);
    harness.runFor(SECOND);
    expect(syncs).toHaveLength(1);
    syncs[0]?.done(true);
    harness.runFor(SECOND);
    expect(syncs).toHaveLength(2);
  });

  it("tries a failed key again after 5 ms, doubling, at most 1000 s apart, and from 5 ms after a success", () => {
    const harness = new Harness({ syncUs: constant(0) });
    const gaps: number[] = [];
    let last = 0;
    let failures = 20;
    const queue = harness.queues.create("test", (_, done) => {
      gaps.push(harness.sim.now - last);
      last = harness.sim.now;
      done(failures-- <= 0);
    });
    harness.start();
    queue.start();
    queue.add(0);
    harness.runFor(3 * 3_600 * SECOND);
    expect(gaps.slice(0, 5)).toEqual([0, 5_000, 10_000, 20_000, 40_000]);
    expect(gaps.slice(-2)).toEqual([1_000 * SECOND, 1_000 * SECOND]);
    failures = 1;
    last = harness.sim.now;
    queue.add(0);
    harness.runFor(SECOND);
    expect(gaps.slice(-2)).toEqual([0, 5_000]);
  });

  it("forgets keys, timers and running syncs when its process dies", () => {
    const harness = new Harness();
    const { queue, syncs } = queueIn(harness);
    queue.add(1);
    harness.runFor(SECOND);
    queue.add(2);
    queue.addAfter(3, SECOND);
    queue.stop();
    queue.add(4);
    queue.start();
    syncs[0]?.done(false);
    harness.runFor(10 * SECOND);
    expect(syncs.map(({ key }) => key)).toEqual([1]);
  });
});

describe("expectations", () => {
  it("hold an owner back until each creation and deletion was seen, or five minutes have gone by", () => {
    let now = 0;
    const expectations = new Expectations(() => now);
    expectations.expectCreations(1, 2);
    expectations.expectDeletions(1, [10]);
    expectations.creationObserved(1);
    expectations.creationObserved(1);
    expect(expectations.satisfied(1)).toBe(false);
    expectations.deletionObserved(1, 11);
    expect(expectations.satisfied(1)).toBe(false);
    expectations.deletionObserved(1, 10);
    expect(expectations.satisfied(1)).toBe(true);
    expect(expectations.satisfied(2)).toBe(true);
    expectations.expectCreations(1, 1);
    now = 5 * MINUTE;
    expect(expectations.satisfied(1)).toBe(false);
    now += 1;
    expect(expectations.satisfied(1)).toBe(true);
  });
});

describe("an event recorder", () => {
  it("sends one Event at a time, and 25 for one object", () => {
    const waiting: ((outcome: RequestOutcome) => void)[] = [];
    let sent = 0;
    const recorder = new EventRecorder({
      submit: () => expect.fail("an Event is no write"),
      submitNoop: (done) => {
        sent++;
        if (done !== undefined) waiting.push(done);
      },
      reset: () => undefined,
    });
    for (let i = 0; i < 40; i++) recorder.event(3);
    recorder.event(4);
    expect(sent).toBe(1);
    for (let done = waiting.shift(); done !== undefined; done = waiting.shift()) done("ok");
    expect(sent).toBe(26);
  });
});
