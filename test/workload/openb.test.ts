import { existsSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { RandomStreams } from "../../src/engine/random.js";
import { fromMilli, fromWhole } from "../../src/units/quantity.js";
import { SECOND } from "../../src/units/time.js";
import { generateArrivals } from "../../src/workload/generators.js";
import {
  GPU_MILLI,
  GPU_MODEL_LABEL,
  openbArrivals,
  openbNodeObjects,
  openbTemplate,
  readOpenbNodes,
  readOpenbPods,
} from "../../src/workload/openb.js";
import { generateOpenbSample } from "../../src/workload/openb-sample.js";
import { formatProblem, Problems } from "../../src/workload/problems.js";

const NODE_HEADER = "sn,cpu_milli,memory_mib,gpu,model";
const POD_HEADER =
  "name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec,qos,pod_phase,creation_time,deletion_time,scheduled_time";

function nodes(text: string) {
  const problems = new Problems();
  return { nodes: readOpenbNodes(text, "nodes.csv", problems), told: problems.list().map(formatProblem) };
}

function pods(text: string) {
  const problems = new Problems();
  return { pods: readOpenbPods(text, "pods.csv", problems), told: problems.list().map(formatProblem) };
}

describe("openb's tables", () => {
  it("become nodes with their GPUs in thousandths and a label for the model", () => {
    const read = nodes(`${NODE_HEADER}\na,32000,262144,0,\nb,96000,393216,8,G2\n`);
    expect(read.told).toEqual([]);
    const [a, b] = openbNodeObjects(read.nodes);
    expect(a?.allocatable).toEqual({
      cpu: fromMilli(32_000),
      memory: fromWhole(262_144 * 1024 * 1024),
      pods: fromWhole(1001),
    });
    expect(a?.metadata.labels).toEqual({ "kubernetes.io/hostname": "a" });
    expect(b?.allocatable[GPU_MILLI]).toBe(fromWhole(8000));
    expect(b?.metadata.labels[GPU_MODEL_LABEL]).toBe("G2");
  });

  it("become pods that ask for shares of GPUs, on certain models where the trace says so", () => {
    const { pods: read, told } = pods(
      `${POD_HEADER}\np,4000,0,1,460,V100M16|V100M32|V100M16,LS,Running,5,105,15\nq,2000,1024,2,1000,,BE,Pending,7,9,\nr,1000,1,0,0,T4,BE,Failed,8,9,8\n`,
    );
    expect(told).toEqual([]);
    const [p, q, r] = read.map((pod) => openbTemplate(pod).spec);
    expect(p?.containers[0]?.resources.requests).toEqual({
      cpu: fromMilli(4000),
      memory: 0n,
      [GPU_MILLI]: fromWhole(460),
    });
    expect(p?.affinity?.nodeAffinity?.required).toEqual([
      {
        matchExpressions: [{ key: GPU_MODEL_LABEL, operator: "In", values: ["V100M16", "V100M32"] }],
        matchFields: [],
      },
    ]);
    expect(q?.containers[0]?.resources.limits[GPU_MILLI]).toBe(fromWhole(2000));
    expect(q && "affinity" in q).toBe(false);
    expect(r && "affinity" in r).toBe(false);
  });

  it("arrive at a fixed spacing for ever, or at their own times for as long as they ran", () => {
    const { pods: read } = pods(
      `${POD_HEADER}\np,1,0,0,0,,LS,Running,50,150,60\nq,1,0,0,0,,BE,Pending,7,9,\n`,
    );
    const list = (how: Parameters<typeof openbArrivals>[2]) =>
      generateArrivals(
        openbArrivals("openb", read, how),
        new RandomStreams("s"),
        Number.MAX_SAFE_INTEGER,
      ).map(({ atUs, durationUs }) => [
        atUs / SECOND,
        durationUs === undefined ? undefined : durationUs / SECOND,
      ]);
    expect(list({ kind: "arrivalsOnly", spacingUs: SECOND })).toEqual([
      [0, undefined],
      [1, undefined],
    ]);
    expect(list({ kind: "lifetimes" })).toEqual([
      [7, 2],
      [50, 90],
    ]);
  });

  it("tell of mistakes with file and line", () => {
    expect(
      nodes(`${NODE_HEADER}\na,32000,1,0,\nb,x,1,0,\nc,1,1\nd,1,1,"2",T4\n\ne,1,1,2,\n,1,1,0,\n`).told,
    ).toEqual([
      'nodes.csv:3: cpu_milli: expected a whole number of at least 0, got "x"',
      "nodes.csv:4: expected 5 cells as in the header, got 3",
      "nodes.csv:5: expected cells without quotes",
      'nodes.csv:7: model: expected the model of the node\'s GPUs, got ""',
      'nodes.csv:8: sn: expected a string, got ""',
    ]);
    expect(nodes("sn,cpu_mili,memory_mib,gpu,model\na,1,1,0,\n")).toEqual({
      nodes: [],
      told: ['nodes.csv:1: expected a column "cpu_milli", found "cpu_mili"'],
    });
    expect(pods(`${POD_HEADER}\np,1,1,2,500,,LS,Running,9,5,\nq,1,1,0,500,,LS,Running,1,-5,\n`).told).toEqual(
      [
        'pods.csv:2: deletion_time: expected a time after the creation, got "5"',
        'pods.csv:2: gpu_milli: expected whole GPUs (1000) where several are asked for, got "500"',
        'pods.csv:3: deletion_time: expected a whole number of at least 0, got "-5"',
        'pods.csv:3: deletion_time: expected a time after the creation, got "-5"',
        'pods.csv:3: gpu_milli: expected 0 where num_gpu is 0, got "500"',
      ],
    );
  });

  it("may lack the columns that only some lists have", () => {
    const { pods: read, told } = pods(
      "name,cpu_milli,memory_mib,num_gpu,gpu_milli,creation_time,deletion_time\r\np,1,2,1,1500,3,4\r\n",
    );
    expect(told).toEqual([]);
    expect(read).toEqual([
      {
        name: "p",
        cpuMilli: 1,
        memoryMib: 2,
        gpus: 1,
        gpuMilli: 1000,
        models: [],
        creationSeconds: 3,
        deletionSeconds: 4,
      },
    ]);
  });
});

describe("The sample in openb's format", () => {
  const sample = generateOpenbSample(
    { nodes: 40, pods: 400, spanSeconds: 3600 },
    new RandomStreams("sample"),
  );

  it("reads without mistakes and has the trace's mixture, roughly", () => {
    const read = nodes(sample.nodeList);
    const { pods: list, told } = pods(sample.podList);
    expect([...read.told, ...told]).toEqual([]);
    expect(read.nodes).toHaveLength(40);
    expect(list).toHaveLength(400);
    const share = (of: (pod: (typeof list)[number]) => boolean): number => list.filter(of).length / 400;
    // Of the trace's pods 13 % ask for no GPU, 38 % for a part of one, 48 % for one; four standard deviations each.
    expect(Math.abs(share(({ gpus }) => gpus === 0) - 0.13)).toBeLessThan(0.07);
    expect(Math.abs(share(({ gpuMilli, gpus }) => gpus === 1 && gpuMilli < 1000) - 0.38)).toBeLessThan(0.1);
    expect(Math.abs(share(({ gpuMilli, gpus }) => gpus === 1 && gpuMilli === 1000) - 0.48)).toBeLessThan(0.1);
    expect(
      list.every(
        ({ creationSeconds, deletionSeconds }) => creationSeconds < 3600 && deletionSeconds > creationSeconds,
      ),
    ).toBe(true);
  });

  it("is the same for the same seed and another for another", () => {
    const size = { nodes: 40, pods: 400, spanSeconds: 3600 };
    expect(generateOpenbSample(size, new RandomStreams("sample"))).toEqual(sample);
    expect(generateOpenbSample(size, new RandomStreams("other")).podList).not.toBe(sample.podList);
  });
});

const TRACES = new URL("../../../shared/traces/openb-2023/", import.meta.url);
const absent = !existsSync(TRACES);
if (absent) console.warn("skipped: the openb trace is not at ../shared/traces/openb-2023");

describe.skipIf(absent)("The real openb trace", () => {
  const text = (name: string): string => readFileSync(new URL(name, TRACES), "utf8");

  it("has the nodes that are published", () => {
    const all = nodes(text("openb_node_list_all_node.csv"));
    expect(all.told).toEqual([]);
    expect(all.nodes).toHaveLength(1523);
    expect(all.nodes.filter(({ gpus }) => gpus === 0)).toHaveLength(310);
    const { nodes: gpu } = nodes(text("openb_node_list_gpu_node.csv"));
    const total = (of: (node: (typeof gpu)[number]) => number): number =>
      gpu.reduce((sum, node) => sum + of(node), 0);
    expect(gpu).toHaveLength(1213);
    expect(total(({ gpus }) => gpus)).toBe(6212);
    expect(total(({ cpuMilli }) => cpuMilli)).toBe(107_018_000);
    expect(total(({ memoryMib }) => memoryMib)).toBe(503_828_480);
  });

  it("has the pods that are published", () => {
    const { pods: list, told } = pods(text("openb_pod_list_default.csv"));
    expect(told).toEqual([]);
    expect(list).toHaveLength(8152);
    expect(list.reduce((sum, { cpuMilli }) => sum + cpuMilli, 0)).toBe(85_436_012);
    expect(list.reduce((sum, { gpus, gpuMilli }) => sum + gpus * gpuMilli, 0)).toBe(6_086_800);
    const counts = [0, 1, 2, 4, 8].map((n) => list.filter(({ gpus }) => gpus === n).length);
    expect(counts).toEqual([1088, 3078 + 3911, 16, 15, 44]);
    expect(list.filter(({ gpus, gpuMilli }) => gpus === 1 && gpuMilli < 1000)).toHaveLength(3078);
    expect(list.filter(({ scheduledSeconds }) => scheduledSeconds === undefined)).toHaveLength(897);
    expect(list.every(({ models }) => models.length === 0)).toBe(true);
  });

  it("needs about 66 GPUs at its peak when its own lifetimes are honoured", () => {
    const { pods: list } = pods(text("openb_pod_list_default.csv"));
    const spec = openbArrivals("openb", list, { kind: "lifetimes" });
    const changes = generateArrivals(spec, new RandomStreams("s"), Number.MAX_SAFE_INTEGER)
      .flatMap(({ atUs, durationUs = 0, template }) => {
        const requests = spec.classes[template]?.template.spec.containers[0]?.resources.requests;
        const gpus = Number(requests?.[GPU_MILLI] ?? 0n) / 1e12;
        return [
          { at: atUs, gpus },
          { at: atUs + durationUs, gpus: -gpus },
        ];
      })
      .sort((a, b) => a.at - b.at || a.gpus - b.gpus);
    let now = 0;
    let peak = 0;
    for (const { gpus } of changes) {
      now += gpus;
      peak = Math.max(peak, now);
    }
    expect(peak).toBeGreaterThan(60);
    expect(peak).toBeLessThan(72);
  });

  it("has pods that only certain models suit in the gpuspec list", () => {
    const { pods: list, told } = pods(text("openb_pod_list_gpuspec33.csv"));
    expect(told).toEqual([]);
    // A third of the GPU pods.
    const share =
      list.filter(({ models }) => models.length > 0).length / list.filter(({ gpus }) => gpus > 0).length;
    expect(share).toBeGreaterThan(0.32);
    expect(share).toBeLessThan(0.35);
  });
});
