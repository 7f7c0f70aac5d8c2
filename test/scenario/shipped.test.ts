import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { shippedScenarios } from "../../scripts/digest-cases.mjs";
import { RandomStreams } from "../../src/engine/random.js";
import { loadScenario } from "../../src/scenario/compile.js";
import { fileSource } from "../../src/workload/files.js";
import { generateOpenbSample } from "../../src/workload/openb-sample.js";
import { formatProblem } from "../../src/workload/problems.js";

const NAMES = shippedScenarios("./");

describe("the shipped scenarios", () => {
  it("are at least the six that the project promises", () => {
    expect(NAMES).toEqual(
      expect.arrayContaining([
        "etcd-quorum-loss",
        "gpu-packing",
        "link-cut",
        "node-failure-defaults",
        "production-centre-lost",
        "rolling-update",
      ]),
    );
  });

  describe.each(NAMES)("%s", (name) => {
    const file = `scenarios/${name}/scenario.yaml`;
    const compiled = loadScenario(file, fileSource());

    it("begins with its question", () => {
      const [question = ""] = readFileSync(file, "utf8").split(/^(?:#\n|[^#])/m);
      expect(question).toMatch(/^# Question: [^?]*\?/);
    });

    it("is named after its folder and compiles without error or warning", () => {
      expect(compiled.problems.list().map(formatProblem)).toEqual([]);
      expect(compiled.study?.model.name).toBe(name);
    });

    it("is plain data that a worker can be handed", () => {
      expect(structuredClone(compiled.study)).toEqual(compiled.study);
    });

    it("compiles to the same study twice", () => {
      expect(loadScenario(file, fileSource()).study).toEqual(compiled.study);
    });
  });
});

describe("the flagship", () => {
  const { study } = loadScenario("scenarios/production-centre-lost/scenario.yaml", fileSource());

  it("has three centres over two sites, five etcd members, four policies and eight replications", () => {
    expect(study?.model.topology.centres.map(({ name, site }) => `${name} ${site}`)).toEqual([
      "production 0",
      "local-dr 0",
      "remote-dr 1",
    ]);
    expect(study?.model.controlPlane.etcd.members.map(({ name, centre }) => `${name} ${centre}`)).toEqual([
      "etcd-production-0 0",
      "etcd-production-1 0",
      "etcd-local-dr-0 1",
      "etcd-local-dr-1 1",
      "etcd-remote-dr-0 2",
    ]);
    expect(study?.model.topology.nodes.length).toBeGreaterThanOrEqual(60);
    expect(study?.policies.map(({ name }) => name)).toEqual([
      "default",
      "bin-packing",
      "best-fit",
      "round-robin",
    ]);
    expect(study?.replications).toBe(8);
  });

  it("loses production at a set time and gets it back before the horizon", () => {
    expect(study?.model.failures).toEqual([
      {
        name: "production-dark",
        kind: "power",
        targets: [{ kind: "centre", centre: 0 }],
        occurrence: { kind: "at", timesUs: [600_000_000] },
        repairUs: { kind: "constant", value: 900_000_000 },
      },
    ]);
  });
});

describe("the GPU scenario", () => {
  it("ships a sample that this project generates", () => {
    const { nodeList, podList } = generateOpenbSample(
      { nodes: 60, pods: 470, spanSeconds: 3600 },
      new RandomStreams("openb-sample"),
    );
    const folder = "scenarios/gpu-packing/trace";
    expect(readFileSync(`${folder}/openb_node_list_all_node.csv`, "utf8")).toBe(nodeList);
    expect(readFileSync(`${folder}/openb_pod_list_default.csv`, "utf8")).toBe(podList);
  });

  it("takes the files of another folder when told to", () => {
    const other = loadScenario("scenarios/gpu-packing/scenario.yaml", fileSource(), {
      tracesFolder: "elsewhere",
    });
    expect(other.problems.list().map(({ message, value }) => `${message}: ${value}`)).toEqual(
      expect.arrayContaining([
        "expected a file that can be read in elsewhere: trace/openb_node_list_all_node.csv",
        "expected a file that can be read in elsewhere: trace/openb_pod_list_default.csv",
      ]),
    );
  });

  const traces = "../shared/traces/openb-2023";
  const there = fileSource().list(traces) !== undefined;
  it.skipIf(!there)(
    there ? "takes the real trace whole" : `takes the real trace whole (skipped: ${traces} is not there)`,
    () => {
      const { study, problems } = loadScenario("scenarios/gpu-packing/scenario.yaml", fileSource(), {
        tracesFolder: traces,
      });
      expect(problems.list().map(formatProblem)).toEqual([]);
      expect(study?.model.topology.nodes).toHaveLength(1523);
      expect(study?.model.arrivals[0]?.classes).toHaveLength(8152);
      expect(study?.model.arrivals[0]?.endUs).toBeLessThan(study?.model.horizonUs ?? 0);
    },
  );
});
