/** Users: what proxies believe, where users enter, and the share that is answered. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Proxies } from "../../src/cluster/proxies.js";
import type { PodRecord } from "../../src/cluster/store.js";
import { Traffic } from "../../src/cluster/traffic.js";
import { MILLISECOND, SECOND } from "../../src/units/time.js";
import { constant, deployment, Harness, type HarnessOptions, service } from "./workload-harness.js";

/** Two pods in each of three centres, the users of production (rate 3) and of remote (rate 1). */
function estate(options: HarnessOptions = {}) {
  const harness = new Harness({
    objects: [service("web"), deployment("web", 6)],
    nodes: [1, 1, 1],
    traffic: [{ namespace: "shop", service: "web", ratePerSecond: [3, 0, 1] }],
    ...options,
  });
  const proxies = new Proxies(harness);
  const traffic = new Traffic(harness, harness, proxies);
  const shares: [number, number][] = [];
  traffic.onShare((_, atUs, share) => shares.push([atUs, share]));
  harness.start([proxies.handlers, traffic.handlers]);
  proxies.start();
  traffic.start();
  const podsIn = (centre: number): PodRecord[] =>
    [...harness.store.livePods].filter(({ node }) => harness.model.topology.nodes[node]?.centre === centre);
  const darken = (centre: number): void => {
    harness.darkCentres.add(centre);
    traffic.networkChanged();
  };
  const light = (centre: number): void => {
    harness.darkCentres.delete(centre);
    traffic.networkChanged();
  };
  return { harness, proxies, traffic, shares, podsIn, darken, light };
}

describe("the proxies of a centre", () => {
  it("believe a change of endpoints proxySyncUs after the watch shows it, all changes until then at once", () => {
    const { harness, proxies } = estate({ proxySyncUs: constant(500 * MILLISECOND) });
    harness.runFor(20 * SECOND);
    const before = proxies.endpoints(0, 1);
    expect(before).toHaveLength(6);
    let changes = 0;
    proxies.onChange((_, centre) => (changes += centre === 1 ? 1 : 0));
    harness.write({ type: "endpoints", service: 0, pods: before.slice(1) });
    harness.runFor(200 * MILLISECOND);
    harness.write({ type: "endpoints", service: 0, pods: before.slice(2) });
    expect(proxies.endpoints(0, 1)).toEqual(before);
    harness.runFor(310 * MILLISECOND);
    expect(proxies.endpoints(0, 1)).toEqual(before.slice(2));
    expect(changes).toBe(1);
  });

  it("keep their belief while their centre hears nothing", () => {
    const { harness, proxies } = estate();
    harness.runFor(20 * SECOND);
    harness.cutLinks.add("0-2");
    const before = proxies.endpoints(0, 2);
    harness.write({ type: "endpoints", service: 0, pods: [] });
    harness.runFor(20 * SECOND);
    expect(proxies.endpoints(0, 0)).toEqual([]);
    expect(proxies.endpoints(0, 2)).toEqual(before);
  });
});

describe("the share of requests answered", () => {
  it("is 0 without endpoints, and 1 once all pods serve", () => {
    const { harness, shares, traffic } = estate();
    expect(traffic.share(0)).toBe(0);
    harness.runFor(20 * SECOND);
    expect(shares[0]).toEqual([0, 0]);
    expect(traffic.share(0)).toBe(1);
  });

  it("loses a dead pod's part from its death until the proxies have dropped it", () => {
    const { harness, podsIn, traffic, shares } = estate();
    harness.runFor(20 * SECOND);
    const [pod] = podsIn(1);
    if (pod === undefined) throw new Error("pods run in every centre");
    shares.length = 0;
    const diedUs = harness.sim.now;
    harness.setServing(pod, false);
    expect(traffic.share(0)).toBeCloseTo(5 / 6, 12);
    harness.runFor(5 * SECOND);
    harness.write({ type: "podStatus", pod: pod.id, ready: false });
    harness.runFor(5 * SECOND);
    expect(traffic.share(0)).toBe(1);
    expect(shares[0]).toEqual([diedUs, 5 / 6]);
    expect(shares.at(-1)?.[0]).toBeGreaterThan(diedUs + 5 * SECOND + 100 * MILLISECOND);
  });

  it("is what the way between entry centre and pod lets through: cut links, isolated nodes, losses", () => {
    const { harness, traffic } = estate();
    harness.runFor(20 * SECOND);
    harness.cutLinks.add("0-2");
    traffic.networkChanged();
    // Production's users reach 4 of 6 pods, remote's 4 of 6 as well.
    expect(traffic.share(0)).toBeCloseTo(4 / 6, 12);
    harness.cutLinks.clear();
    harness.isolatedNodes.add(0);
    traffic.networkChanged();
    expect(traffic.share(0)).toBeCloseTo(4 / 6, 12);
    harness.isolatedNodes.clear();
    harness.loss = 0.12;
    traffic.networkChanged();
    // A third of the pods is in the user's own centre, two thirds lose 12 %.
    expect(traffic.share(0)).toBeCloseTo(1 / 3 + (2 / 3) * 0.88, 12);
  });
});

describe("users whose centre goes dark", () => {
  it("fail for entryFailoverUs, enter at the other centre of their site, and go back so long after its return", () => {
    const { harness, traffic, darken, light } = estate();
    harness.runFor(20 * SECOND);
    darken(0);
    // Production's 3 of 4 requests fail; remote's reach 4 of 6 believed pods.
    expect(traffic.share(0)).toBeCloseTo((1 / 4) * (4 / 6), 12);
    harness.runFor(60 * SECOND - 1);
    expect(traffic.share(0)).toBeCloseTo((1 / 4) * (4 / 6), 12);
    harness.runFor(1);
    expect(traffic.share(0)).toBeCloseTo(4 / 6, 12);
    // They enter at recovery (1): what happens between recovery and remote concerns them.
    harness.cutLinks.add("1-2");
    traffic.networkChanged();
    expect(traffic.share(0)).toBeCloseTo(2 / 6, 12);
    light(0);
    harness.runFor(60 * SECOND - 1);
    expect(traffic.share(0)).toBeCloseTo((3 / 4) * (4 / 6) + (1 / 4) * (4 / 6), 12);
    harness.runFor(1);
    expect(traffic.share(0)).toBeCloseTo((3 / 4) * 1 + (1 / 4) * (4 / 6), 12);
  });

  it("stay where they are when the centre is back before they have moved", () => {
    const { harness, traffic, darken, light } = estate();
    harness.runFor(20 * SECOND);
    darken(0);
    harness.runFor(30 * SECOND);
    light(0);
    expect(traffic.share(0)).toBe(1);
    harness.cutLinks.add("1-2");
    harness.runFor(60 * SECOND);
    traffic.networkChanged();
    // Production's users still enter at production, which the cut does not concern.
    expect(traffic.shareAt(0, 0)).toBe(1);
    expect(traffic.share(0)).toBeCloseTo(3 / 4 + (1 / 4) * (4 / 6), 12);
  });

  it("go to the next one when the centre that they were sent to goes dark too", () => {
    const { harness, traffic, darken } = estate();
    harness.runFor(20 * SECOND);
    darken(0);
    harness.runFor(30 * SECOND);
    darken(1);
    harness.runFor(60 * SECOND - 1);
    expect(traffic.share(0)).toBeCloseTo((1 / 4) * (2 / 6), 12);
    harness.runFor(1);
    expect(traffic.share(0)).toBeCloseTo(2 / 6, 12);
  });
});

describe("the totals of a service's requests", () => {
  it("count from the end of the warm-up, exactly by the share's pieces", () => {
    const { harness, traffic, podsIn } = estate({ warmUpUs: 30 * SECOND, horizonUs: 60 * SECOND });
    harness.runFor(25 * SECOND);
    const [pod] = podsIn(0);
    if (pod === undefined) throw new Error("pods run in every centre");
    harness.setServing(pod, false);
    harness.runFor(15 * SECOND);
    harness.setServing(pod, true);
    harness.runFor(20 * SECOND);
    expect(traffic.services).toEqual([0]);
    expect(traffic.ratePerSecond(0)).toBe(4);
    expect(traffic.requested(0, 60 * SECOND)).toBe(120);
    // 10 of the 30 s at 5/6.
    expect(traffic.answered(0, 60 * SECOND)).toBeCloseTo(4 * (20 + 10 * (5 / 6)), 9);
  });

  it("equal the sum over small steps of the share as computed anew, whatever happens (fluid = step by step)", () => {
    const step = fc.record({ kind: fc.constantFrom("serve", "dark", "cut", "isolate"), which: fc.nat(20) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 15 }), fc.nat(1_000), (steps, seed) => {
        const { harness, traffic, proxies, darken, light } = estate({
          seed: String(seed),
          entryFailoverUs: constant(3 * SECOND),
        });
        harness.runFor(20 * SECOND);
        const startUs = harness.sim.now;
        const before = traffic.answered(0, startUs);
        let sum = 0;
        for (const { kind, which } of steps) {
          const pods = [...harness.store.livePods];
          const pod = pods[which % pods.length];
          const toggle = <T>(set: Set<T>, item: T): unknown =>
            set.has(item) ? set.delete(item) : set.add(item);
          if (kind === "serve" && pod !== undefined) harness.setServing(pod, !harness.isServing(pod));
          else if (kind === "dark") {
            const centre = which % 3;
            if (harness.darkCentres.has(centre)) light(centre);
            else darken(centre);
          } else if (kind === "cut") toggle(harness.cutLinks, ["0-1", "0-2", "1-2"][which % 3] ?? "");
          else toggle(harness.isolatedNodes, which % 3);
          traffic.networkChanged();
          for (let ms = 0; ms < 2_000; ms += 100) {
            // Nothing of the harness moves within a step but what the share must follow.
            const entering = [0, 1, 2].map((centre) => answeredFrom(harness, proxies, centre));
            expect([0, 1, 2].map((centre) => traffic.shareAt(0, centre))).toEqual(entering);
            sum += traffic.share(0) * 4 * 0.1;
            harness.runFor(100 * MILLISECOND);
          }
        }
        // Entries move at multiples of 100 ms here; endpoints do not move at all.
        expect(traffic.answered(0, harness.sim.now) - before).toBeCloseTo(sum, 6);
      }),
      { numRuns: 40 },
    );
  });
});

/** The share by its definition: pod by pod. */
function answeredFrom(harness: Harness, proxies: Proxies, entry: number): number {
  const pods = proxies.endpoints(0, entry).map((id) => harness.store.pod(id));
  const centreOf = ({ node }: PodRecord): number => harness.model.topology.nodes[node]?.centre ?? -1;
  const answered = pods.filter(
    (pod) =>
      harness.isServing(pod) &&
      harness.network.nodeOnNetwork(pod.node) &&
      harness.network.connected(entry, centreOf(pod)),
  );
  return pods.length === 0 ? 0 : answered.length / pods.length;
}
