import { describe, expect, it } from "vitest";
import type { Taint, Toleration } from "../../src/api/objects.js";
import { toleratedUs } from "../../src/cluster/taint-eviction.js";
import { SECOND } from "../../src/units/time.js";
import { NodeHarness, tolerations } from "./node-harness.js";

const MAINTENANCE: Taint = { key: "maintenance", value: "", effect: "NoExecute" };

function toleration(key: string, tolerationSeconds?: number): Toleration {
  return {
    key,
    operator: "Exists",
    value: "",
    effect: "",
    ...(tolerationSeconds === undefined ? {} : { tolerationSeconds }),
  };
}

function taint(harness: NodeHarness, node: number, add: Taint[], remove: Taint[] = []): void {
  harness.apply({ type: "nodeTaints", node, add, remove });
}

describe("how long a pod may stay", () => {
  const a: Taint = { key: "a", value: "", effect: "NoExecute" };
  const b: Taint = { key: "b", value: "", effect: "NoExecute" };

  it.each([
    ["no taint: for ever", [], [], Number.POSITIVE_INFINITY],
    ["one taint without toleration: not at all", [toleration("a")], [a, b], 0],
    ["all for ever: for ever", [toleration("a"), toleration("b")], [a, b], Number.POSITIVE_INFINITY],
    [
      "the shortest of those used",
      [toleration("a", 60), toleration("b", 20), toleration("c", 1)],
      [a, b],
      20 * SECOND,
    ],
    ["zero or less: not at all", [toleration("a", -5)], [a], 0],
    ["the first that matches is used", [toleration("a", 60), toleration("a", 5)], [a], 60 * SECOND],
  ] as const)("%s", (_, own, taints, expected) => {
    expect(toleratedUs(own, taints)).toBe(expected);
  });
});

describe("the taint eviction controller", () => {
  it("deletes what does not tolerate at once, the rest after its time, and says why first", () => {
    const harness = new NodeHarness({ zones: [3] });
    const now = harness.pod(1, { tolerations: [] }, { name: "now" });
    harness.pod(1, { tolerations: [toleration("maintenance", 20)] }, { name: "later" });
    const stays = harness.pod(1, { tolerations: [toleration("maintenance")] }, { name: "stays" });
    harness.lead();
    harness.at(10, () => taint(harness, 1, [MAINTENANCE]));
    harness.run(60);
    expect(harness.when("podDeleting now")[0]).toBeCloseTo(10.027, 3);
    expect(harness.when("podDeleting later")[0]).toBeCloseTo(30.027, 3);
    expect(now.disruptionReason).toBe("DeletionByTaintManager");
    expect(stays.deletingUs).toBe(-1);
  });

  it("calls evictions off when the taint goes, and begins anew when it comes back", () => {
    const harness = new NodeHarness({ zones: [3] });
    harness.pod(1, { tolerations: [toleration("maintenance", 20)] });
    harness.lead();
    harness.at(10, () => taint(harness, 1, [MAINTENANCE]));
    harness.at(25, () => taint(harness, 1, [], [MAINTENANCE]));
    harness.at(100, () => taint(harness, 1, [MAINTENANCE]));
    harness.run(200);
    expect(harness.when("podDeleting")).toHaveLength(1);
    expect(harness.when("podDeleting")[0]).toBeCloseTo(120.027, 3);
  });

  it("keeps the time of an eviction that waits already when another taint joins", () => {
    const harness = new NodeHarness({ zones: [3] });
    harness.pod(1, { tolerations: [toleration("maintenance", 40), toleration("other", 10)] });
    harness.lead();
    harness.at(10, () => taint(harness, 1, [MAINTENANCE]));
    harness.at(20, () => taint(harness, 1, [{ ...MAINTENANCE, key: "other" }]));
    harness.run(100);
    expect(harness.when("podDeleting")[0]).toBeCloseTo(50.027, 3);
  });

  it("evicts a pod that is bound to a tainted node later", () => {
    const harness = new NodeHarness({ zones: [3], taints: [MAINTENANCE] });
    harness.lead();
    harness.at(10, () => harness.pod(2, { tolerations: [] }));
    harness.run(20);
    expect(harness.when("podDeleting")[0]).toBeCloseTo(10.027, 3);
  });

  it("starts tolerations anew under a new leader", () => {
    const harness = new NodeHarness({ zones: [3] });
    harness.pod(1, { tolerations: [toleration("maintenance", 30)] });
    harness.lead();
    harness.at(10, () => taint(harness, 1, [MAINTENANCE]));
    harness.at(25, () => harness.abdicate());
    harness.at(42, () => harness.lead());
    harness.run(100);
    expect(harness.when("podDeleting")[0]).toBeCloseTo(72.024, 3);
  });
});

describe("the pod garbage collector", () => {
  it("removes terminating pods of a node out of service within its round of 20 s, and no others", () => {
    const harness = new NodeHarness({ zones: [4] });
    const stuck = harness.pod(1, { tolerations: tolerations(10) }, { name: "stuck" });
    const elsewhere = harness.pod(2, { tolerations: tolerations(10) }, { name: "elsewhere" });
    harness.lead();
    harness.at(20, () => {
      harness.powerOff(1);
      harness.powerOff(2);
    });
    harness.run(150);
    expect([stuck, elsewhere].map((pod) => pod.deletingUs > 0)).toEqual([true, true]);
    expect(harness.when("podRemoved")).toEqual([]);
    harness.at(150, () =>
      taint(harness, 1, [{ key: "node.kubernetes.io/out-of-service", value: "", effect: "NoExecute" }]),
    );
    harness.run(200);
    const [gone] = harness.when("podRemoved stuck");
    expect(gone).toBeGreaterThan(150);
    expect(gone).toBeLessThan(170.1);
    expect(stuck.phase).toBe("Failed");
    expect(harness.when("podRemoved elsewhere")).toEqual([]);
  });
});
