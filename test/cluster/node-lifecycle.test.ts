import { describe, expect, it } from "vitest";
import { MILLISECOND } from "../../src/units/time.js";
import { constant, NodeHarness, tolerations } from "./node-harness.js";

const UNREACHABLE_SCHEDULE = "node.kubernetes.io/unreachable:NoSchedule";
const UNREACHABLE_EXECUTE = "node.kubernetes.io/unreachable:NoExecute";

function gaps(moments: readonly number[]): number[] {
  return moments.slice(1).map((at, i) => at - (moments[i] as number));
}

/** Moments at which each node first had a NoExecute taint, in order. */
function tainted(harness: NodeHarness): { at: number; node: number }[] {
  const seen = new Set<string>();
  const found: { at: number; node: number }[] = [];
  for (const [at, what] of harness.rows) {
    const match = /^node (\d+) taints .*NoExecute/.exec(what);
    if (match?.[1] === undefined || seen.has(match[1])) continue;
    seen.add(match[1]);
    found.push({ at, node: Number(match[1]) });
  }
  return found;
}

describe("one node crashes", () => {
  it("is Unknown at the tenth pass after the one that saw its last renewal, and tainted in the same pass", () => {
    for (let seed = 0; seed < 40; seed++) {
      const harness = new NodeHarness({ seed: `one/${seed}`, zones: [34, 33, 33] });
      const pod = harness.pod(7, { tolerations: tolerations(30) });
      harness.lead();
      let renewed = 0;
      harness.at(100, () => {
        renewed = harness.leases.lastRenewal(7, harness.sim.now) / 1e6;
        harness.powerOff(7);
      });
      harness.run(220);
      const unknown = harness.when("node 7 Unknown")[0] as number;
      // 50 s of grace, ten drifting passes of 5.010 to 5.055 s, and up to one of them until the renewal is seen.
      expect(unknown - renewed, `seed ${seed}`).toBeGreaterThan(50.1);
      expect(unknown - renewed, `seed ${seed}`).toBeLessThan(55.7);
      const noSchedule = harness.when(UNREACHABLE_SCHEDULE)[0] as number;
      const noExecute = harness.when(UNREACHABLE_EXECUTE)[0] as number;
      // Measured: 9 to 136 ms; a write that met the other taint's is tried again after 100 to 200 ms.
      expect(noSchedule - unknown).toBeLessThan(0.35);
      expect(noExecute - unknown).toBeGreaterThan(0);
      expect(noExecute - unknown).toBeLessThan(0.4);
      const notReady = harness.when(`podStatus ${pod.name} on 7 Running notReady`)[0] as number;
      expect(notReady - unknown).toBeLessThan(0.05);
      const deleting = harness.when(`podDeleting ${pod.name}`)[0] as number;
      expect(deleting - noExecute).toBeGreaterThan(30);
      expect(deleting - noExecute).toBeLessThan(30.2);
      // Nobody confirms that the containers have ended.
      expect(harness.when(`podRemoved ${pod.name}`)).toEqual([]);
    }
  });

  it("that returns before its grace is over has changed nothing", () => {
    const harness = new NodeHarness({ zones: [10] });
    harness.lead();
    harness.at(60, () => harness.powerOff(3));
    harness.at(90, () => harness.powerOn(3));
    harness.run(200);
    expect(harness.rows).toEqual([]);
  });

  it("that returns loses NoSchedule at once and NoExecute with the next pass, and evictions are called off", () => {
    const harness = new NodeHarness({ zones: [10] });
    const pod = harness.pod(3);
    harness.lead();
    harness.at(60, () => harness.powerOff(3));
    harness.at(200, () => harness.powerOn(3));
    harness.run(700);
    const ready = harness.when("node 3 True")[0] as number;
    const cleared = harness.rows.filter(([at, what]) => at >= ready && what.startsWith("node 3 taints"));
    expect(cleared.map(([, what]) => what)).toEqual([
      `node 3 taints [${UNREACHABLE_EXECUTE}]`,
      "node 3 taints []",
    ]);
    expect((cleared[0]?.[0] as number) - ready).toBeLessThan(0.05);
    expect((cleared[1]?.[0] as number) - ready).toBeLessThan(5.2);
    expect(pod.deletingUs).toBe(-1);
    expect(pod.ready).toBe(true);
  });

  it("with thirty pods obeys the client limit: marks at ten a second, the k-th deletion at (2n + k − 30)/20", () => {
    const harness = new NodeHarness({ zones: [6, 6, 6] });
    const pods = Array.from({ length: 30 }, () => harness.pod(2, { tolerations: tolerations(30) }));
    harness.lead();
    harness.at(60, () => harness.powerOff(2));
    harness.run(200);
    const unknown = harness.when("node 2 Unknown")[0] as number;
    const marks = harness.rows
      .filter(([at, what]) => at >= unknown && /^podStatus .* on 2 Running notReady/.test(what))
      .map(([at]) => at);
    expect(marks).toHaveLength(30);
    // Measured: 1.2 to 1.8 s until the last of 25 to 31 pods.
    expect((marks.at(-1) as number) - unknown).toBeGreaterThan(1.0);
    expect((marks.at(-1) as number) - unknown).toBeLessThan(2.0);
    const end = (harness.when(UNREACHABLE_EXECUTE)[0] as number) + 30;
    const deletions = harness.when("podDeleting");
    expect(deletions).toHaveLength(pods.length);
    deletions.forEach((at, i) => {
      const rule = (2 * 30 + (i + 1) - 30) / 20;
      expect(Math.abs(at - end - rule), `deletion ${i + 1}`).toBeLessThan(0.5);
    });
  });
});

describe("zones", () => {
  it("wholly lost beside others is emptied at one node per ten seconds, in an order that each pass draws anew", () => {
    const harness = new NodeHarness({ seed: "full", zones: [20, 20, 20] });
    for (let node = 0; node < 40; node++) harness.pod(node % 20);
    harness.lead();
    harness.at(48, () => {
      for (let node = 0; node < 20; node++) harness.powerOff(node);
    });
    harness.run(400);
    const taints = tainted(harness);
    expect(taints).toHaveLength(20);
    const between = gaps(taints.map((taint) => taint.at));
    // The second token is counted from the first, whose taint waited longer in the busy client.
    for (const gap of between.slice(1)) {
      expect(gap).toBeGreaterThan(9.9);
      expect(gap).toBeLessThan(10.2);
    }
    expect(taints.map((taint) => taint.node)).not.toEqual([...Array(20).keys()]);
    expect(harness.lifecycle.zoneStates).toEqual(["FullDisruption", "Normal", "Normal"]);
  });

  it("partly lost stops when small, goes on at 0.01 a second when large, and resumes ten seconds after it is Normal", () => {
    const harness = new NodeHarness({ seed: "partial4", zones: [20, 60, 5] });
    harness.lead();
    harness.at(60, () => {
      for (let node = 0; node < 12; node++) harness.powerOff(node);
      for (let node = 20; node < 56; node++) harness.powerOff(node);
    });
    harness.at(400, () => {
      for (const node of [0, 1, 20, 21, 22, 23, 24, 25, 26, 27]) harness.powerOn(node);
    });
    harness.run(450);
    const taints = tainted(harness);
    const small = taints.filter((taint) => taint.node < 20).map((taint) => taint.at);
    const large = taints.filter((taint) => taint.node >= 20).map((taint) => taint.at);
    const smallBefore = small.filter((at) => at < 400);
    expect(smallBefore.length).toBeLessThanOrEqual(1);
    const resumed = small.filter((at) => at > 400);
    expect(resumed[0]).toBeGreaterThan(410);
    expect(resumed[0]).toBeLessThan(416);
    for (const gap of gaps(resumed)) expect(Math.abs(gap - 10.05)).toBeLessThan(0.15);
    const stopped = large.filter((at) => at < 400);
    const slow = gaps(stopped).filter((gap) => gap > 20);
    expect(slow.length).toBeGreaterThanOrEqual(2);
    for (const gap of slow.slice(1)) expect(Math.abs(gap - 100)).toBeLessThan(2);
  });

  it("of which two of three are lost stays Normal", () => {
    const harness = new NodeHarness({ zones: [3, 10] });
    harness.lead();
    harness.at(60, () => {
      harness.powerOff(0);
      harness.powerOff(1);
    });
    harness.run(160);
    expect(harness.lifecycle.zoneStates).toEqual(["Normal", "Normal"]);
    expect(
      tainted(harness)
        .map((taint) => taint.node)
        .sort(),
    ).toEqual([0, 1]);
  });

  it("all lost: NoExecute is withdrawn everywhere, NoSchedule stays, nothing is deleted, and who returns has a fresh grace", () => {
    const harness = new NodeHarness({ seed: "all", zones: [10, 10, 10] });
    for (let node = 0; node < 30; node++) harness.pod(node, { tolerations: tolerations(30) });
    harness.lead();
    harness.at(37, () => {
      for (let node = 0; node < 30; node++) harness.powerOff(node);
    });
    harness.at(147, () => {
      for (let node = 0; node < 30; node++) harness.powerOn(node);
    });
    harness.at(155, () => harness.powerOff(13));
    harness.run(100);
    expect(harness.lifecycle.zoneStates).toEqual(["FullDisruption", "FullDisruption", "FullDisruption"]);
    expect(harness.store.nodes.map((node) => node.taints.map((taint) => taint.effect).join())).toEqual(
      Array(30).fill("NoSchedule"),
    );
    // Each zone's first token is out before anybody knows; a second one where zones fill up in different passes.
    const escaped = tainted(harness).length;
    expect(escaped).toBeGreaterThan(0);
    expect(escaped).toBeLessThanOrEqual(6);
    harness.run(146);
    expect(harness.when("podDeleting")).toEqual([]);
    harness.run(300);
    const unknown = harness.when("node 13 Unknown").at(-1) as number;
    expect(unknown - 155).toBeGreaterThan(40);
    expect(unknown - 155).toBeLessThan(55.7);
  });
});

describe("a new leader", () => {
  it("gives every node a fresh grace", () => {
    const harness = new NodeHarness({ zones: [10] });
    harness.lead();
    harness.at(100, () => harness.powerOff(3));
    harness.at(120, () => harness.abdicate());
    harness.at(137, () => harness.lead());
    harness.run(250);
    const unknown = harness.when("node 3 Unknown");
    expect(unknown).toHaveLength(1);
    expect((unknown[0] as number) - 137).toBeGreaterThan(50);
    expect((unknown[0] as number) - 137).toBeLessThan(55.2);
  });

  it("withdraws the taints of a lost zone and begins the ramp anew, tolerations included", () => {
    const harness = new NodeHarness({ seed: "kcm", zones: [12, 12, 12] });
    for (let node = 0; node < 12; node++) harness.pod(node, { tolerations: tolerations(60) });
    harness.lead();
    harness.at(63, () => {
      for (let node = 0; node < 12; node++) harness.powerOff(node);
    });
    harness.at(175, () => harness.abdicate());
    harness.run(192);
    const had = harness.store.nodes.filter((node) => node.taints.length === 2).map((node) => node.id);
    expect(had.length).toBeGreaterThanOrEqual(5);
    harness.at(192.5, () => harness.lead());
    harness.run(193.4);
    // All gone within 51 ms (measured), then one by one again; the first token is there at once.
    expect(harness.store.nodes.filter((node) => node.taints.length === 2).length).toBeLessThanOrEqual(1);
    harness.run(400);
    const again = harness.rows
      .filter(([at, what]) => at > 192.5 && /^node \d+ taints .*NoExecute/.test(what))
      .map(([at]) => at)
      .filter((at) => at > 193);
    for (const gap of gaps(again).slice(1)) expect(Math.abs(gap - 10.05)).toBeLessThan(0.2);
    const early = harness.when("podDeleting").filter((at) => at > 192.5 && at < 252.5);
    expect(early).toEqual([]);
  });
});

describe("a kubelet that reports Ready=False", () => {
  it("gets not-ready:NoSchedule at once and NoExecute with the next pass; its pods stay ready", () => {
    const harness = new NodeHarness({ zones: [10], requestUs: constant(5 * MILLISECOND) });
    const pod = harness.pod(4, { tolerations: tolerations(60) });
    harness.lead();
    // Reported by somebody in the node's name; its kubelet would take it back at its next status loop.
    harness.run(30);
    harness.at(30.1, () => harness.apply({ type: "nodeReady", node: 4, ready: "False" }));
    harness.run(30.3);
    expect(harness.when("node.kubernetes.io/not-ready:NoSchedule")).toHaveLength(1);
    expect(pod.ready).toBe(true);
    harness.run(60);
    const back = harness.when("node 4 True")[0] as number;
    expect(back - 30.1).toBeLessThan(10.5);
    expect(harness.store.node(4).taints).toEqual([]);
  });
});
