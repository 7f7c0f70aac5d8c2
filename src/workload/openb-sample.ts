/**
 * A small table set in openb's format, made here: shares and sizes in the manner of a GPU cluster (mostly one-GPU and
 * shared pods, few large ones), no row of the trace. For a scenario that runs without the real files.
 */
import type { RandomStream, RandomStreams } from "../engine/random.js";

export interface OpenbSampleSize {
  readonly nodes: number;
  readonly pods: number;
  /** Time from the first creation to the last, in seconds. */
  readonly spanSeconds: number;
}

interface Weighted {
  readonly weight: number;
}

interface NodeShape extends Weighted {
  readonly cpuCores: number;
  readonly memoryGib: number;
  readonly gpus: number;
  readonly model: string;
}

/** Four generations of machines and one without GPUs. */
const NODE_SHAPES: readonly NodeShape[] = [
  { weight: 36, cpuCores: 96, memoryGib: 384, gpus: 8, model: "G2" },
  { weight: 26, cpuCores: 104, memoryGib: 512, gpus: 2, model: "T4" },
  { weight: 9, cpuCores: 24, memoryGib: 128, gpus: 2, model: "P100" },
  { weight: 9, cpuCores: 48, memoryGib: 256, gpus: 4, model: "V100M16" },
  { weight: 20, cpuCores: 64, memoryGib: 256, gpus: 0, model: "" },
];

interface PodShape extends Weighted {
  readonly gpus: number;
  readonly gpuMilli: readonly number[];
  readonly cpuMilli: readonly number[];
  readonly memoryMib: readonly number[];
}

const WHOLE = [1000];
const POD_SHAPES: readonly PodShape[] = [
  {
    weight: 13,
    gpus: 0,
    gpuMilli: [0],
    cpuMilli: [2000, 4000, 8000, 16000, 32000],
    memoryMib: [4096, 16384, 32768, 65536],
  },
  {
    weight: 38,
    gpus: 1,
    gpuMilli: [150, 250, 350, 450, 500, 650, 800],
    cpuMilli: [2500, 3500, 6000, 9000],
    memoryMib: [6144, 12288, 20480, 30720],
  },
  {
    weight: 48,
    gpus: 1,
    gpuMilli: WHOLE,
    cpuMilli: [4000, 8000, 10000, 12000, 14000],
    memoryMib: [16384, 32768, 49152, 57344],
  },
  { weight: 0.5, gpus: 2, gpuMilli: WHOLE, cpuMilli: [16000, 24000], memoryMib: [65536, 98304] },
  { weight: 0.5, gpus: 8, gpuMilli: WHOLE, cpuMilli: [64000, 88000], memoryMib: [262144, 327680] },
];

/** Median of a pod's life, and how many doublings lie between the shortest and the longest. */
const LIFE_MEDIAN_SECONDS = 600;
const LIFE_DOUBLINGS = 6;

/** Texts of a node list and a pod list in openb's format; a function of the size and the streams' root. */
export function generateOpenbSample(
  size: OpenbSampleSize,
  streams: Pick<RandomStreams, "stream">,
): { readonly nodeList: string; readonly podList: string } {
  return {
    nodeList: nodeList(size, streams.stream("openb-sample/nodes")),
    podList: podList(size, streams.stream("openb-sample/pods")),
  };
}

function nodeList(size: OpenbSampleSize, draws: RandomStream): string {
  const lines = ["sn,cpu_milli,memory_mib,gpu,model"];
  for (let n = 0; n < size.nodes; n++) {
    const shape = choose(NODE_SHAPES, draws);
    lines.push(
      [
        `sample-node-${digits(n)}`,
        shape.cpuCores * 1000,
        shape.memoryGib * 1024,
        shape.gpus,
        shape.model,
      ].join(","),
    );
  }
  return `${lines.join("\n")}\n`;
}

function podList(size: OpenbSampleSize, draws: RandomStream): string {
  const lines = [
    "name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec,qos,pod_phase,creation_time,deletion_time,scheduled_time",
  ];
  const creations = Array.from({ length: size.pods }, () => Math.floor(draws.uniform() * size.spanSeconds));
  creations.sort((a, b) => a - b);
  for (const [n, creation] of creations.entries()) {
    const shape = choose(POD_SHAPES, draws);
    const spec = shape.gpus === 1 && draws.uniform() < 0.1 ? "T4" : "";
    const wait = Math.floor(draws.uniform() * 5);
    const life = Math.max(
      1,
      Math.round(LIFE_MEDIAN_SECONDS * doubled((draws.uniform() - 0.5) * LIFE_DOUBLINGS)),
    );
    const cells = [
      `sample-pod-${digits(n)}`,
      pick(shape.cpuMilli, draws),
      pick(shape.memoryMib, draws),
      shape.gpus,
      pick(shape.gpuMilli, draws),
      spec,
      draws.uniform() < 0.6 ? "LS" : "BE",
      "Succeeded",
      creation,
      creation + wait + life,
      creation + wait,
    ];
    lines.push(cells.join(","));
  }
  return `${lines.join("\n")}\n`;
}

/** 2^x, linear between whole powers: exact on every machine, where Math.pow may differ in its last bit. */
function doubled(x: number): number {
  const whole = Math.floor(x);
  const scale = whole >= 0 ? 2 ** whole : 1 / 2 ** -whole;
  return scale * (1 + (x - whole));
}

function choose<Choice extends Weighted>(choices: readonly Choice[], draws: RandomStream): Choice {
  let left = draws.uniform() * choices.reduce((sum, { weight }) => sum + weight, 0);
  for (const choice of choices) {
    left -= choice.weight;
    if (left < 0) return choice;
  }
  return choices[choices.length - 1] as Choice;
}

function pick(values: readonly number[], draws: RandomStream): number {
  return values[draws.below(values.length)] as number;
}

function digits(n: number): string {
  return String(n).padStart(4, "0");
}
