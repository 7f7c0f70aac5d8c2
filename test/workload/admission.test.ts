import { describe, expect, it } from "vitest";
import type { KubernetesObject, PodSpec } from "../../src/api/objects.js";
import { admitObjects, DEFAULT_ADMISSION } from "../../src/workload/admission.js";
import { formatProblem, Problems } from "../../src/workload/problems.js";
import { objectsOf } from "./helpers.js";

const CLASSES =
  "kind: PriorityClass\nmetadata: {name: high}\nvalue: 1000\n---\n" +
  "kind: PriorityClass\nmetadata: {name: patient}\nvalue: 500\npreemptionPolicy: Never\n---\n";
const GLOBAL = "kind: PriorityClass\nmetadata: {name: normal}\nvalue: 7\nglobalDefault: true\n---\n";

function admit(text: string): { objects: KubernetesObject[]; told: string[] } {
  const problems = new Problems();
  const objects = admitObjects(objectsOf(text), { ...DEFAULT_ADMISSION, file: "scenario.yaml" }, problems);
  return { objects, told: problems.list().map(formatProblem) };
}

function podSpec(fields: string, classes = CLASSES): PodSpec {
  const { objects, told } = admit(
    `${classes}kind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: c}], ${fields}}\n`,
  );
  expect(told).toEqual([]);
  const pod = objects.find((object) => object.kind === "Pod");
  if (pod?.kind !== "Pod") throw new Error("no pod");
  return pod.spec;
}

describe("Priority admission", () => {
  it.each([
    ["priorityClassName: high", CLASSES, 1000, "PreemptLowerPriority"],
    ["priorityClassName: patient", CLASSES, 500, "Never"],
    ["priorityClassName: high, preemptionPolicy: Never", CLASSES, 1000, "Never"],
    ["priorityClassName: system-node-critical", CLASSES, 2_000_001_000, "PreemptLowerPriority"],
    ["priorityClassName: system-cluster-critical", "", 2_000_000_000, "PreemptLowerPriority"],
    ["", CLASSES, 0, "PreemptLowerPriority"],
    ["", CLASSES + GLOBAL, 7, "PreemptLowerPriority"],
    ["priority: 42", CLASSES + GLOBAL, 42, "PreemptLowerPriority"],
  ])("gives a pod with {%s} its priority", (fields, classes, priority, preemptionPolicy) => {
    expect(podSpec(fields, classes)).toMatchObject({ priority, preemptionPolicy });
  });

  it("tells of a class that is not there, and of a priority that its class contradicts", () => {
    const pod = (fields: string): string =>
      `${CLASSES}kind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: c}], ${fields}}\n`;
    expect(admit(pod("priorityClassName: hihg")).told).toEqual([
      'scenario.yaml: Pod default/p: spec.priorityClassName: expected the name of a PriorityClass, got "hihg"; did you mean "high"?',
    ]);
    expect(admit(pod("priorityClassName: high, priority: 5")).told).toEqual([
      "scenario.yaml: Pod default/p: spec.priority: expected no priority, or 1000 as its class high says, got 5",
    ]);
  });
});

describe("Default tolerations", () => {
  const keys = (spec: PodSpec): string[] =>
    spec.tolerations.map(({ key, tolerationSeconds }) => `${key}=${tolerationSeconds}`);
  const NOT_READY = "node.kubernetes.io/not-ready";
  const UNREACHABLE = "node.kubernetes.io/unreachable";

  it("are 300 s for nodes not ready and unreachable, unless the pod has its own", () => {
    expect(keys(podSpec(""))).toEqual([`${NOT_READY}=300`, `${UNREACHABLE}=300`]);
    const own = `tolerations: [{key: ${UNREACHABLE}, operator: Exists, effect: NoExecute, tolerationSeconds: 10}]`;
    expect(keys(podSpec(own))).toEqual([`${UNREACHABLE}=10`, `${NOT_READY}=300`]);
    expect(keys(podSpec(`tolerations: [{key: ${NOT_READY}, operator: Exists}]`))).toEqual([
      `${NOT_READY}=undefined`,
      `${UNREACHABLE}=300`,
    ]);
    expect(keys(podSpec("tolerations: [{operator: Exists}]"))).toEqual(["=undefined"]);
    // Tolerating another effect of the same taint is not enough.
    expect(
      keys(podSpec(`tolerations: [{key: ${NOT_READY}, operator: Exists, effect: NoSchedule}]`)),
    ).toHaveLength(3);
  });

  it("go into templates, but not into a DaemonSet's, and can be switched off", () => {
    const owner = (kind: string): string =>
      `kind: ${kind}\nmetadata: {name: a}\nspec:\n  selector: {matchLabels: {a: b}}\n  template: {metadata: {labels: {a: b}}, spec: {containers: [{name: c}]}}\n`;
    const { objects } = admit(`${owner("Deployment")}---\n${owner("DaemonSet")}`);
    const counts = objects.map((object) =>
      "template" in object ? object.template.spec.tolerations.length : -1,
    );
    expect(counts).toEqual([2, 0]);
    const off = admitObjects(objectsOf(owner("Deployment")), { file: "f" }, new Problems());
    expect(off[0]).toMatchObject({ template: { spec: { tolerations: [], priority: 0 } } });
  });
});
