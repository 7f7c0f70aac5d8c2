/**
 * The openb trace (a GPU cluster's nodes and pods of 2023, as used by the FGD experiments, USENIX ATC'23) as nodes and
 * arrivals. GPUs become one extended resource in thousandths of a GPU: a node with 8 of them has 8000. What is lost:
 * a request does not have to fit on single cards.
 */
import type { Node, NodeSelectorTerm, PodSpec, PodTemplate, ResourceList } from "../api/objects.js";
import { emptyPodSpec } from "../api/pods.js";
import { LABEL_HOSTNAME } from "../api/well-known.js";
import { fromMilli, fromWhole } from "../units/quantity.js";
import { type Micros, SECOND } from "../units/time.js";
import { type CsvRow, readCsv } from "./csv.js";
import type { ArrivalSpec } from "./generators.js";
import type { Problems } from "./problems.js";

/** Thousandths of a GPU; gpu-milli is what the published simulator calls them. */
export const GPU_MILLI = "alibabacloud.com/gpu-milli";
/** Node label with the model of its GPUs. */
export const GPU_MODEL_LABEL = "alibabacloud.com/gpu-card-model";
export const OPENB_NAMESPACE = "default";
/** A node of the experiment takes so many pods. */
export const OPENB_PODS_PER_NODE = 1_001;
const GPU_MILLI_PER_GPU = 1_000;

export interface OpenbNode {
  readonly name: string;
  readonly cpuMilli: number;
  readonly memoryMib: number;
  readonly gpus: number;
  /** "" without GPUs. */
  readonly model: string;
}

export interface OpenbPod {
  readonly name: string;
  readonly cpuMilli: number;
  readonly memoryMib: number;
  readonly gpus: number;
  /** Share of each GPU, 0..1000. */
  readonly gpuMilli: number;
  /** Allowed models; empty: any. */
  readonly models: readonly string[];
  readonly creationSeconds: number;
  readonly deletionSeconds: number;
  /** undefined: was never scheduled in production. */
  readonly scheduledSeconds?: number;
}

const OPENB_NODE_COLUMNS = ["sn", "cpu_milli", "memory_mib", "gpu", "model"] as const;

/** The node list (`openb_node_list_*.csv`). Rows with mistakes are recorded and left out. */
export function readOpenbNodes(text: string, file: string, problems: Problems): OpenbNode[] {
  return readCsv(text, file, OPENB_NODE_COLUMNS, problems).flatMap((row) => {
    const node: OpenbNode = {
      name: row.text("sn"),
      cpuMilli: row.count("cpu_milli"),
      memoryMib: row.count("memory_mib"),
      gpus: row.count("gpu"),
      model: row.optionalText("model"),
    };
    if (node.gpus > 0 && node.model === "") row.problem("model", "expected the model of the node's GPUs");
    return row.ok ? [node] : [];
  });
}

const OPENB_POD_COLUMNS = [
  "name",
  "cpu_milli",
  "memory_mib",
  "num_gpu",
  "gpu_milli",
  "creation_time",
  "deletion_time",
] as const;

/** The pod list (`openb_pod_list_*.csv`); `gpu_spec` and `scheduled_time` may be missing. Other columns are not used. */
export function readOpenbPods(text: string, file: string, problems: Problems): OpenbPod[] {
  return readCsv(text, file, OPENB_POD_COLUMNS, problems).flatMap((row) => {
    const scheduled = row.optionalCount("scheduled_time");
    const pod: OpenbPod = {
      name: row.text("name"),
      cpuMilli: row.count("cpu_milli"),
      memoryMib: row.count("memory_mib"),
      gpus: row.count("num_gpu"),
      gpuMilli: Math.min(row.count("gpu_milli"), GPU_MILLI_PER_GPU),
      models: [...new Set(row.optionalText("gpu_spec").split("|"))].filter((model) => model !== ""),
      creationSeconds: row.count("creation_time"),
      deletionSeconds: row.count("deletion_time"),
      ...(scheduled === undefined ? {} : { scheduledSeconds: scheduled }),
    };
    checkPod(pod, row);
    return row.ok ? [pod] : [];
  });
}

function checkPod(pod: OpenbPod, row: CsvRow): void {
  if (pod.deletionSeconds < pod.creationSeconds)
    row.problem("deletion_time", "expected a time after the creation");
  if (pod.gpus > 1 && pod.gpuMilli < GPU_MILLI_PER_GPU) {
    row.problem("gpu_milli", "expected whole GPUs (1000) where several are asked for");
  }
  if (pod.gpus === 0 && pod.gpuMilli > 0) row.problem("gpu_milli", "expected 0 where num_gpu is 0");
}

/** Nodes as the cluster knows them. */
export function openbNodeObjects(nodes: readonly OpenbNode[]): Node[] {
  return nodes.map((node) => ({
    kind: "Node",
    metadata: {
      name: node.name,
      namespace: "",
      uid: "",
      labels: {
        [LABEL_HOSTNAME]: node.name,
        ...(node.model === "" ? {} : { [GPU_MODEL_LABEL]: node.model }),
      },
      annotations: {},
      ownerReferences: [],
    },
    unschedulable: false,
    taints: [],
    allocatable: {
      cpu: fromMilli(node.cpuMilli),
      memory: mebibytes(node.memoryMib),
      pods: fromWhole(OPENB_PODS_PER_NODE),
      ...(node.gpus === 0 ? {} : { [GPU_MILLI]: fromWhole(node.gpus * GPU_MILLI_PER_GPU) }),
    },
    images: [],
    ready: true,
  }));
}

/**
 * How the trace's pods arrive: `arrivalsOnly` in file order at a fixed spacing and for ever, as in the published
 * experiment; `lifetimes` at their own times, each running for as long as it did (from its start, or its creation where
 * it never started, to its deletion).
 */
export type OpenbArrivals =
  | { readonly kind: "arrivalsOnly"; readonly spacingUs: Micros }
  | { readonly kind: "lifetimes" };

/** The pods as one arrival sequence, a class each. */
export function openbArrivals(name: string, pods: readonly OpenbPod[], how: OpenbArrivals): ArrivalSpec {
  const ordered = how.kind === "lifetimes" ? [...pods].sort(byCreation) : pods;
  const atUs = ordered.map((pod, index) =>
    how.kind === "lifetimes" ? pod.creationSeconds * SECOND : index * how.spacingUs,
  );
  return {
    name,
    process: { kind: "times", atUs },
    startUs: 0,
    endUs: (atUs[atUs.length - 1] ?? 0) + 1,
    order: "sequence",
    classes: ordered.map((pod) => ({
      name: pod.name,
      weight: 1,
      namespace: OPENB_NAMESPACE,
      template: openbTemplate(pod),
      ...(how.kind === "lifetimes"
        ? { durationUs: { kind: "constant", value: runSeconds(pod) * SECOND } }
        : {}),
    })),
  };
}

function byCreation(a: OpenbPod, b: OpenbPod): number {
  return a.creationSeconds - b.creationSeconds || (a.name < b.name ? -1 : a.name > b.name ? 1 : 0);
}

function runSeconds(pod: OpenbPod): number {
  return Math.max(0, pod.deletionSeconds - (pod.scheduledSeconds ?? pod.creationSeconds));
}

/** The pod's template: requests equal limits; a memory of 0 stays an explicit 0. */
export function openbTemplate(pod: OpenbPod): PodTemplate {
  const amounts: ResourceList = {
    cpu: fromMilli(pod.cpuMilli),
    memory: mebibytes(pod.memoryMib),
    ...(pod.gpus === 0 ? {} : { [GPU_MILLI]: fromWhole(pod.gpus * pod.gpuMilli) }),
  };
  const spec: PodSpec = {
    ...emptyPodSpec([
      { name: "main", image: "", resources: { requests: amounts, limits: amounts }, ports: [] },
    ]),
    ...(pod.models.length === 0 || pod.gpus === 0
      ? {}
      : { affinity: { nodeAffinity: { required: [modelTerm(pod.models)], preferred: [] } } }),
    restartPolicy: "Never",
  };
  return { labels: {}, annotations: {}, spec };
}

function modelTerm(models: readonly string[]): NodeSelectorTerm {
  return { matchExpressions: [{ key: GPU_MODEL_LABEL, operator: "In", values: models }], matchFields: [] };
}

function mebibytes(count: number): bigint {
  return fromWhole(count) << 20n;
}
