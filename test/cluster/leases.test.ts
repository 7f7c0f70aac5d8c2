import { describe, expect, it } from "vitest";
import { retryWaitUs } from "../../src/cluster/retry-backoff.js";
import { RandomStreams } from "../../src/engine/random.js";
import { SECOND } from "../../src/units/time.js";
import { NodeHarness } from "./node-harness.js";

const RENEW_US = 10 * SECOND;

type Switch = { readonly at: number; readonly what: "api" | "node" | "power"; readonly on: boolean };

/** Random outages of one node's API, network and power; each kind alternates. */
function outages(seed: string): Switch[] {
  const draws = new RandomStreams(seed).stream("outages");
  const switches: Switch[] = [];
  for (const what of ["api", "node", "power"] as const) {
    let at = 0;
    for (let n = 0; n < 6; n++) {
      at += draws.uniform() * (n % 2 === 0 ? 90 : 60);
      switches.push({ at: Math.round(at * SECOND) / SECOND, what, on: n % 2 === 1 });
    }
  }
  return switches.sort((a, b) => a.at - b.at);
}

/** The same node, attempt by attempt, as a process that sleeps and tries. */
function twin(seed: string, switches: readonly Switch[], end: number): number[] {
  const streams = new RandomStreams(seed);
  const phase = streams.counted("lease/phase");
  const jitter = streams.counted("lease/jitter");
  const renewals: number[] = [];
  const state = { api: true, node: true, power: true };
  let next = Math.floor(phase.uniform(0) * RENEW_US);
  let beats = 1;
  let failures = 0;
  const pending = [...switches];
  for (;;) {
    const change = pending[0];
    const changeUs = change === undefined ? Number.POSITIVE_INFINITY : Math.round(change.at * SECOND);
    if (Math.min(next, changeUs) > end * SECOND) return renewals;
    if (change !== undefined && changeUs < next) {
      pending.shift();
      state[change.what] = change.on;
      if (change.what === "power") next = change.on ? changeUs : Number.POSITIVE_INFINITY;
      if (change.what === "power" && change.on) failures = 0;
    } else if (state.api && state.node) {
      renewals.push(next);
      failures = 0;
      next += Math.round(RENEW_US * (1 + 0.04 * jitter.uniform(0, beats++)));
    } else {
      failures++;
      next += Math.min(7, 0.2 * 2 ** (failures - 1)) * SECOND;
    }
  }
}

describe("lease renewals", () => {
  it("computed when looked at equal those tried one by one, over random outages of API, network and power", () => {
    for (let seed = 0; seed < 200; seed++) {
      const root = `lease/${seed}`;
      const switches = outages(root);
      const harness = new NodeHarness({ seed: root, zones: [1] });
      for (const { at, what, on } of switches) {
        harness.at(at, () => {
          if (what === "api") harness.setWritable(0, on);
          else if (what === "node") on ? harness.reconnect(0) : harness.isolate(0);
          else on ? harness.powerOn(0) : harness.powerOff(0);
        });
      }
      const expected = twin(root, switches, 400);
      for (let look = 1; look <= 400; look += 1 + (seed % 7) * 9) {
        harness.run(look);
        const last = expected.filter((at) => at <= look * SECOND).at(-1);
        const found = harness.leases.lastLeaseRenewal(0, harness.sim.now);
        if (last === undefined) expect(found, `seed ${seed} at ${look} s`).toBeLessThan(0);
        else expect(found, `seed ${seed} at ${look} s`).toBe(last);
      }
    }
  });

  it("looked at often or once give the same answer", () => {
    for (let seed = 0; seed < 20; seed++) {
      const often = new NodeHarness({ seed: `${seed}`, zones: [5] });
      const once = new NodeHarness({ seed: `${seed}`, zones: [5] });
      for (const harness of [often, once]) {
        harness.at(33, () => harness.setWritable(0, false));
        harness.at(71, () => harness.setWritable(0, true));
      }
      for (let second = 1; second <= 700; second++) {
        often.run(second);
        for (let node = 0; node < 5; node++) often.leases.lastRenewal(node, often.sim.now);
      }
      once.run(700);
      for (let node = 0; node < 5; node++) {
        expect(once.leases.lastRenewal(node, once.sim.now)).toBe(
          often.leases.lastRenewal(node, often.sim.now),
        );
      }
    }
  });

  it("fall on a recorded moment when told to, and not again until the crash", () => {
    for (let seed = 0; seed < 100; seed++) {
      const harness = new NodeHarness({ seed: `${seed}`, zones: [1] });
      harness.leases.pinLease(0, { atUs: 81_599_000, silentUntilUs: 91_651_000 });
      harness.leases.pinReport(0, { atUs: -1, silentUntilUs: 91_651_000 });
      let before = Number.NEGATIVE_INFINITY;
      for (let second = 1; second <= 81; second++) {
        const last = harness.leases.lastRenewal(0, second * SECOND);
        expect(last - before === 0 || last > before).toBe(true);
        before = last;
      }
      before = harness.leases.lastRenewal(0, 81_598_999);
      expect(81_599_000 - before).toBeLessThan(10.41 * SECOND);
      expect(harness.leases.lastRenewal(0, 81_599_000)).toBe(81_599_000);
      expect(harness.leases.lastRenewal(0, 91_651_000)).toBe(81_599_000);
    }
  });

  it("retry after 0.2 s doubling to 7 s", () => {
    expect([1, 2, 3, 4, 5, 6, 7, 8, 1000].map((failures) => retryWaitUs(failures) / SECOND)).toEqual([
      0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 7, 7, 7,
    ]);
  });
});

describe("status reports", () => {
  it("come each five minutes to the status loop and count like a renewal", () => {
    const harness = new NodeHarness({ zones: [50] });
    for (let node = 0; node < 50; node++) {
      harness.leases.pinLease(node, { atUs: 0, silentUntilUs: 3000 * SECOND });
    }
    const moments: number[][] = Array.from({ length: 50 }, () => []);
    for (let second = 1; second <= 2000; second++) {
      for (let node = 0; node < 50; node++) {
        const last = harness.leases.lastRenewal(node, second * SECOND);
        if (last > 0 && last !== moments[node]?.at(-1)) moments[node]?.push(last);
      }
    }
    for (const posts of moments) {
      expect(posts[0]).toBeLessThan(300 * SECOND);
      posts.slice(1).forEach((at, i) => {
        const gap = at - (posts[i] as number);
        expect(gap).toBeGreaterThanOrEqual(300 * SECOND);
        expect(gap).toBeLessThan(310 * SECOND);
      });
    }
  });
});
