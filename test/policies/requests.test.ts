import { describe, expect, it } from "vitest";
import { ResourceTable } from "../../src/policies/framework/resources.js";
import { compileShape, normalizedImageName } from "../../src/policies/framework/shape.js";
import { CPU, MEMORY } from "../../src/policies/framework/types.js";
import { type PodWords, podSpec } from "./small-framework.js";

function shapeOf(words: PodWords) {
  const resources = new ResourceTable();
  const shape = compileShape({ namespace: "default", labels: {}, spec: podSpec(words) }, resources, 0);
  const requests = Object.fromEntries(
    shape.requests.map(({ resource, amount }) => [resources.nameOf(resource), amount]),
  );
  return { shape, resources, requests };
}

const cpu = (text: string) => ({ requests: { cpu: text } });
const sidecar = (text: string) => ({ requests: { cpu: text }, sidecar: true });
const MIB = 1024 * 1024;

describe("what a pod requests", () => {
  it.each<[string, PodWords, number]>([
    ["the sum of its containers", { containers: [cpu("100m"), cpu("250m")] }, 350],
    [
      "or its greatest init step, where that is more",
      { containers: [cpu("100m")], init: [cpu("1"), cpu("2")] },
      2000,
    ],
    ["sidecars count with the containers", { containers: [cpu("100m")], init: [sidecar("200m")] }, 300],
    // Steps: 500; then sidecar 200; then 200 + 900 = 1100. Containers and sidecar: 300.
    [
      "an init step adds the sidecars before it",
      { containers: [cpu("100m")], init: [cpu("500m"), sidecar("200m"), cpu("900m")] },
      1100,
    ],
    // The init container runs before the sidecar starts: 900 alone; sidecars and containers: 300.
    ["but not those after it", { containers: [cpu("100m")], init: [cpu("900m"), sidecar("200m")] }, 900],
    // Second sidecar's step is the running sum 400 + 300 = 700, the same as its part of the total 700 + 100.
    [
      "two sidecars run at once",
      { containers: [cpu("100m")], init: [sidecar("400m"), sidecar("300m")] },
      800,
    ],
    ["pod-level amounts replace the aggregate", { containers: [cpu("3")], podLevel: { cpu: "1" } }, 1000],
    [
      "overhead comes on top",
      { containers: [cpu("1")], podLevel: { cpu: "2" }, overhead: { cpu: "250m" } },
      2250,
    ],
    // 3 * 0.3 milli = 0.9 milli, rounded up once; rounding each would make 3.
    ["fractions are rounded up once, at the end", { containers: [cpu("300u"), cpu("300u"), cpu("300u")] }, 1],
  ])("%s", (_, words, milli) => {
    expect(shapeOf(words).requests.cpu).toBe(milli);
  });

  it("lists amounts above 0 only: cpu, memory, ephemeral-storage, then scalars by name", () => {
    const requests = {
      "b.io/x": "2",
      "a.io/y": "1",
      "ephemeral-storage": "1Ki",
      memory: "1Mi",
      cpu: "0",
      nonsense: "3",
    };
    const { requests: listed } = shapeOf({ containers: [{ requests }] });
    expect(Object.entries(listed)).toEqual([
      ["memory", MIB],
      ["ephemeral-storage", 1024],
      ["a.io/y", 1],
      ["b.io/x", 2],
    ]);
  });
});

describe("what a pod counts for in scores", () => {
  it("a container without cpu counts 100m and without memory 200 MiB, an explicit 0 stays 0", () => {
    const { shape } = shapeOf({ containers: [{}, { requests: { cpu: "0", memory: "50Mi" } }] });
    expect([shape.nonZeroCpuMilli, shape.nonZeroMemoryBytes]).toEqual([100, 250 * MIB]);
    expect([shape.scoreCpuMilli, shape.scoreMemoryBytes]).toEqual([100, 250 * MIB]);
    expect([shape.requestOf(CPU), shape.requestOf(MEMORY)]).toEqual([0, 50 * MIB]);
  });

  it("init containers get the defaults as well", () => {
    const { shape } = shapeOf({ containers: [cpu("20m")], init: [{}] });
    expect(shape.nonZeroCpuMilli).toBe(100);
  });

  it("with pod-level cpu a bound pod counts that, an incoming one its containers", () => {
    const { shape } = shapeOf({ containers: [{}, {}], podLevel: { cpu: "1500m" }, overhead: { cpu: "10m" } });
    expect(shape.nonZeroCpuMilli).toBe(1510);
    expect(shape.scoreCpuMilli).toBe(210);
    // Memory is named nowhere: the defaults stand in for both containers.
    expect(shape.nonZeroMemoryBytes).toBe(400 * MIB);
  });

  it("with pod-level memory, cpu named by one container is no longer defaulted for the other", () => {
    const { shape } = shapeOf({ containers: [cpu("1"), {}], podLevel: { memory: "1Gi" } });
    expect(shape.nonZeroCpuMilli).toBe(1000);
    expect(shape.scoreCpuMilli).toBe(1100);
  });

  it("an incoming pod's other resources leave pod-level amounts out", () => {
    const { shape, resources } = shapeOf({
      containers: [{ requests: { "hugepages-2Mi": "4Mi" } }],
      podLevel: { "hugepages-2Mi": "8Mi" },
    });
    const hugepages = resources.idOf("hugepages-2Mi");
    expect([shape.requestOf(hugepages), shape.scoreRequestOf(hugepages)]).toEqual([8 * MIB, 4 * MIB]);
  });
});

describe("ports and images", () => {
  it("host ports are those of containers and sidecars, with the API's defaults", () => {
    const { shape } = shapeOf({
      containers: [{ hostPorts: [{ hostPort: 80, protocol: "" }, { hostPort: 0 }] }],
      init: [
        { sidecar: true, hostPorts: [{ hostPort: 81, hostIP: "10.0.0.1", protocol: "UDP" }] },
        { hostPorts: [{ hostPort: 82 }] },
      ],
    });
    expect(shape.hostPorts).toEqual([
      { protocol: "UDP", ip: "10.0.0.1", port: 81 },
      { protocol: "TCP", ip: "0.0.0.0", port: 80 },
    ]);
  });

  it.each([
    ["app", "app:latest"],
    ["app:1", "app:1"],
    ["registry:5000/app", "registry:5000/app:latest"],
    ["registry:5000/app:2", "registry:5000/app:2"],
  ])("the image %s is called %s", (written, name) => {
    expect(normalizedImageName(written)).toBe(name);
  });
});
