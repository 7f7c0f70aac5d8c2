import { describe, expect, it } from "vitest";
import type { LabelSelectorRequirement, Taint, Toleration } from "../../src/api/objects.js";
import { compileLabelSelector, compileMatchLabels } from "../../src/api/selectors.js";
import { toleratesTaint } from "../../src/api/tolerations.js";

describe("a label selector", () => {
  const labels = { app: "web", tier: "front" };

  it.each<[LabelSelectorRequirement["operator"], string, string[], boolean]>([
    ["In", "app", ["db", "web"], true],
    ["In", "app", ["db"], false],
    ["In", "missing", ["web"], false],
    ["NotIn", "app", ["db"], true],
    ["NotIn", "app", ["web"], false],
    ["NotIn", "missing", ["web"], true],
    ["Exists", "app", [], true],
    ["Exists", "missing", [], false],
    ["DoesNotExist", "missing", [], true],
    ["DoesNotExist", "app", [], false],
    // What the API server would refuse matches nothing.
    ["In", "app", [], false],
    ["NotIn", "missing", [], false],
    ["Exists", "app", ["web"], false],
    ["DoesNotExist", "missing", ["web"], false],
  ])("%s %s [%s] is %s", (operator, key, values, expected) => {
    const matches = compileLabelSelector({ matchLabels: {}, matchExpressions: [{ key, operator, values }] });
    expect(matches(labels)).toBe(expected);
  });

  it("matches everything when empty, nothing when absent", () => {
    expect(compileLabelSelector({ matchLabels: {}, matchExpressions: [] })({})).toBe(true);
    expect(compileLabelSelector(undefined)(labels)).toBe(false);
  });

  it("needs all its labels and all its expressions", () => {
    const matches = compileLabelSelector({
      matchLabels: { app: "web", tier: "front" },
      matchExpressions: [{ key: "canary", operator: "DoesNotExist", values: [] }],
    });
    expect([labels, { app: "web" }, { ...labels, canary: "yes" }].map(matches)).toEqual([true, false, false]);
  });

  it("does not take an object's own methods for labels", () => {
    expect(compileMatchLabels({ toString: "x" })({})).toBe(false);
    const exists = compileLabelSelector({
      matchLabels: {},
      matchExpressions: [{ key: "constructor", operator: "Exists", values: [] }],
    });
    expect(exists({})).toBe(false);
  });
});

describe("a toleration", () => {
  const taint: Taint = { key: "dedicated", value: "data", effect: "NoSchedule" };
  const equal: Toleration = { key: "dedicated", operator: "Equal", value: "data", effect: "NoSchedule" };

  it.each<[string, Partial<Toleration>, boolean]>([
    ["equal in key, value and effect", {}, true],
    ["with another value", { value: "web" }, false],
    ["that only asks for existence", { operator: "Exists", value: "" }, true],
    ["for every effect", { effect: "" }, true],
    ["for another effect", { effect: "NoExecute" }, false],
    ["for another key", { key: "other" }, false],
    ["for everything", { key: "", operator: "Exists", value: "", effect: "" }, true],
    ["without key that compares values", { key: "" }, true],
    ["without key that compares other values", { key: "", value: "web" }, false],
    ["for a limited time", { tolerationSeconds: 5 }, true],
  ])("%s", (_, change, expected) => {
    expect(toleratesTaint({ ...equal, ...change }, taint)).toBe(expected);
  });
});
