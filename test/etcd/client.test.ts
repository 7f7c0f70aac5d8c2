import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { CallResult, WatchEnd } from "../../src/etcd/client.js";
import type { PutRequest, WatchResponse } from "../../src/etcd/requests.js";
import { DELAY_US, FakeWorld, obliging } from "./fake-members.js";

const PUT: PutRequest = { type: "put", key: "k", value: "12345" };
const TIMEOUT_US = 200_000;

/** Calls at a moment; the result and its time appear in the list. */
function callAt(
  world: FakeWorld,
  atUs: number,
  results: [number, CallResult][],
  timeoutUs = TIMEOUT_US,
): void {
  world.later(atUs, () => {
    world.client.call(0, PUT, timeoutUs, (result) => results.push([world.now, result]));
  });
}

describe("calls of a client", () => {
  it("the first call pays for the handshake, the second uses the same connection", () => {
    const world = new FakeWorld(obliging(500));
    const results: [number, CallResult][] = [];
    callAt(world, 0, results);
    callAt(world, 50_000, results);
    world.simulation.run(1_000_000);
    expect(results.map(([atUs, result]) => [atUs, result.type])).toEqual([
      [4 * DELAY_US + 500, "response"],
      [50_000 + 2 * DELAY_US + 500, "response"],
    ]);
    expect(world.sockets.map((socket) => socket.bytes)).toEqual([[155, 155]]);
  });

  it("calls in flight at one time have a connection each, and the one used last is used next", () => {
    let answers = 0;
    // The second request is answered before the first.
    const world = new FakeWorld({
      answer: () => ({ afterUs: answers++ === 0 ? 20_000 : 1000, outcome: { type: "put" } }),
    });
    const results: [number, CallResult][] = [];
    callAt(world, 0, results);
    callAt(world, 100, results);
    callAt(world, 50_000, results);
    world.simulation.run(1_000_000);
    expect(results).toHaveLength(3);
    expect(world.sockets.map((socket) => socket.bytes.length)).toEqual([2, 1]);
  });

  it("a member that never answers costs the whole timeout and the connection; the next call dials anew", () => {
    const world = new FakeWorld({ answer: () => undefined });
    const results: [number, CallResult][] = [];
    callAt(world, 0, results);
    callAt(world, 300_000, results);
    world.simulation.run(1_000_000);
    expect(results).toEqual([
      [TIMEOUT_US, { type: "timeout", isSent: true }],
      [300_000 + TIMEOUT_US, { type: "timeout", isSent: true }],
    ]);
    expect(world.sockets.map((socket) => socket.isClosed)).toEqual([true, true]);
  });

  it("an answer that comes after the timeout is never seen", () => {
    const world = new FakeWorld(obliging(TIMEOUT_US));
    const results: [number, CallResult][] = [];
    callAt(world, 0, results);
    world.simulation.run(1_000_000);
    expect(results).toEqual([[TIMEOUT_US, { type: "timeout", isSent: true }]]);
  });

  it("the timeout covers the dial, and the request is then known not to have left", () => {
    const world = new FakeWorld({ dial: "silent" });
    const results: [number, CallResult][] = [];
    callAt(world, 0, results);
    world.simulation.run(1_000_000);
    expect(results).toEqual([[TIMEOUT_US, { type: "timeout", isSent: false }]]);
    expect(world.sockets[0]?.isClosed).toBe(true);
  });

  it("a member that refuses fails the call at once, with the request unsent", () => {
    const world = new FakeWorld({ dial: "refuse" });
    const results: [number, CallResult][] = [];
    callAt(world, 0, results);
    world.simulation.run(1_000_000);
    expect(results).toEqual([[DELAY_US, { type: "connection", reason: "refused", isSent: false }]]);
  });

  it("a member that resets fails the call that is on the connection, once", () => {
    const world = new FakeWorld({
      answer: (_request, _number, link) => {
        link.breaks("reset");
        return undefined;
      },
    });
    const results: [number, CallResult][] = [];
    callAt(world, 0, results);
    world.simulation.run(1_000_000);
    expect(results).toEqual([[4 * DELAY_US, { type: "connection", reason: "reset", isSent: true }]]);
  });

  it("a kept connection that closes while nobody uses it is dropped, and the next call dials", () => {
    const world = new FakeWorld(obliging(500));
    const results: [number, CallResult][] = [];
    callAt(world, 0, results);
    world.later(20_000, () => world.sockets[0]?.breaks("closed"));
    callAt(world, 50_000, results);
    world.simulation.run(1_000_000);
    expect(results.map(([, result]) => result.type)).toEqual(["response", "response"]);
    expect(world.sockets).toHaveLength(2);
  });

  it("a call is given up exactly at its own time on a connection that served longer and shorter ones", () => {
    let isMute = false;
    const world = new FakeWorld({
      answer: () => (isMute ? undefined : { afterUs: 0, outcome: { type: "put" } }),
    });
    const results: [number, CallResult][] = [];
    callAt(world, 0, results, 200_000);
    callAt(world, 10_000, results, 50_000);
    callAt(world, 30_000, results, 170_000);
    world.later(190_000, () => {
      isMute = true;
    });
    callAt(world, 195_000, results, 7_000);
    callAt(world, 400_000, results, Number.POSITIVE_INFINITY);
    world.simulation.run(10_000_000);
    expect(results.map(([atUs, result]) => [atUs, result.type])).toEqual([
      [4 * DELAY_US, "response"],
      [10_000 + 2 * DELAY_US, "response"],
      [30_000 + 2 * DELAY_US, "response"],
      [202_000, "timeout"],
    ]);
  });

  it("calls answered in time share their timer: far fewer timer events than calls", () => {
    const world = new FakeWorld(obliging(0));
    let calls = 0;
    const again = (): void => {
      if (calls++ < 1000) world.client.call(0, PUT, TIMEOUT_US, again);
    };
    world.later(0, again);
    let timers = 0;
    world.simulation.observe((kind) => {
      if (kind === "client-timer") timers++;
    });
    world.simulation.run(10_000_000);
    expect(calls).toBe(1001);
    // 1,000 calls of 2 ms each: 2 s, that is ten timeouts' time and the one that finds nothing.
    expect(timers).toBeLessThanOrEqual(12);
    expect(timers).toBeGreaterThanOrEqual(10);
  });
});

describe("calls of a client to a member of any mood", () => {
  const mood = fc.record({
    atUs: fc.integer({ min: 0, max: 300_000 }),
    timeoutUs: fc.integer({ min: 1, max: 60_000 }),
    // What happens to the request when it arrives: an answer so late, a reset so late, or nothing.
    way: fc.constantFrom("answer", "reset", "silence"),
    afterUs: fc.integer({ min: 0, max: 60_000 }),
  });

  it("each call ends once, never after its time, and at its time exactly when given up", () => {
    fc.assert(
      fc.property(fc.array(mood, { minLength: 1, maxLength: 30 }), fc.boolean(), (moods, isSilent) => {
        let arrived = 0;
        const world = new FakeWorld({
          dial: isSilent ? "silent" : "accept",
          answer: (_request, _number, link) => {
            const { way, afterUs } = moods[arrived++ % moods.length] ?? { way: "silence", afterUs: 0 };
            if (way === "answer") return { afterUs, outcome: { type: "put" } };
            if (way === "reset") world.later(afterUs, () => link.breaks("reset"));
            return undefined;
          },
        });
        const ends: number[] = moods.map(() => 0);
        for (const [call, { atUs, timeoutUs }] of moods.entries()) {
          world.later(atUs, () => {
            world.client.call(0, PUT, timeoutUs, (result) => {
              ends[call] = (ends[call] ?? 0) + 1;
              const tookUs = world.now - atUs;
              if (result.type === "timeout") expect(tookUs).toBe(timeoutUs);
              else expect(tookUs).toBeLessThanOrEqual(timeoutUs);
              if (isSilent) expect(result).toEqual({ type: "timeout", isSent: false });
            });
          });
        }
        world.simulation.run(1_000_000);
        expect(ends).toEqual(moods.map(() => 1));
        // Nothing is left waiting, and what is open is kept for the next call.
        expect(world.simulation.waiting).toBe(0);
      }),
      { numRuns: 200, seed: 4 },
    );
  });
});

describe("watches of a client", () => {
  function watched(world: FakeWorld, timeoutUs = 1_000_000): string[] {
    const heard: string[] = [];
    const listener = {
      created: () => heard.push(`${world.now} created`),
      events: (response: WatchResponse) => heard.push(`${world.now} revision ${response.header.revision}`),
      ended: (end: WatchEnd) => heard.push(`${world.now} ${JSON.stringify(end)}`),
    };
    world.client.watch(0, { type: "watch", key: "k", startRevision: 3 }, timeoutUs, listener);
    return heard;
  }

  it("a watch holds its connection, hears events, and hears of the connection's end once", () => {
    const world = new FakeWorld({
      answer: (_request, number, link) => {
        for (const revision of [5, 6]) {
          world.later(10_000 * revision, () =>
            link.tells({ header: { member: 0, term: 1, revision }, watch: number, events: [] }),
          );
        }
        world.later(70_000, () => link.breaks("closed"));
        return { afterUs: 0, outcome: { type: "watchCreated" } };
      },
    });
    const heard = watched(world);
    world.simulation.run(2_000_000);
    expect(heard).toEqual([
      "4000 created",
      "54000 revision 5",
      "64000 revision 6",
      '74000 {"type":"connection","reason":"closed"}',
    ]);
  });

  it("a watch that is not accepted in time, is compacted away or refused ends with that reason", () => {
    const silent = new FakeWorld({ dial: "silent" });
    const unanswered = watched(silent, 300_000);
    silent.simulation.run(1_000_000);
    expect(unanswered).toEqual(['300000 {"type":"timeout"}']);

    const compacted = new FakeWorld({
      answer: () => ({ afterUs: 0, outcome: { type: "watchCanceled", compactRevision: 9 } }),
    });
    const canceled = watched(compacted);
    compacted.simulation.run(2_000_000);
    expect(canceled).toEqual(['4000 {"type":"canceled","compactRevision":9}']);
    expect(compacted.open).toBe(0);

    const stopped = new FakeWorld({ dial: "refuse" });
    const refused = watched(stopped);
    stopped.simulation.run(2_000_000);
    expect(refused).toEqual(['1000 {"type":"connection","reason":"refused"}']);
  });

  it("a watch that its client closes hears nothing more", () => {
    const world = new FakeWorld(obliging(0));
    const heard: string[] = [];
    const watch = world.client.watch(0, { type: "watch", key: "k", startRevision: 0 }, 5000, {
      events: () => heard.push("events"),
      ended: () => heard.push("ended"),
    });
    world.later(1000, () => watch.close());
    world.simulation.run(100_000);
    expect(heard).toEqual([]);
    expect(world.sockets[0]?.isClosed).toBe(true);
  });
});
