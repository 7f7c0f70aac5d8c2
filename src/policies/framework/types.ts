/**
 * The walls between the scheduling framework, its plugins and whoever runs it. Extension points, status codes and
 * semantics are those of kube-scheduler v1.34 (k8s.io/kube-scheduler/framework); nothing here knows about clocks,
 * queues or API servers.
 */
import type {
  ContainerImage,
  InTreeDisk,
  Labels,
  Taint,
  Toleration,
  TopologySpreadConstraint,
} from "../../api/objects.js";
import type { RandomStreams } from "../../engine/random.js";
import type { VolumesView } from "./volumes.js";

/** Highest normalised score (framework.MaxNodeScore). */
export const MAX_NODE_SCORE = 100;

/**
 * `Unschedulable`: removing pods may help, so preemption looks at the node. `UnschedulableAndUnresolvable`: it will
 * not.
 */
export type RejectionCode = "Unschedulable" | "UnschedulableAndUnresolvable";

/** Why a plugin refused a node (or, from PreFilter, every node). Plugins build constants once and return them. */
export interface Rejection {
  readonly plugin: string;
  readonly code: RejectionCode;
  readonly reasons: readonly string[];
}

/** Dense resource ids: 0 cpu (milli), 1 memory (bytes), 2 ephemeral-storage (bytes), then scalars as first seen. */
export interface ResourceIds {
  readonly count: number;
  nameOf(resource: number): string;
  /** -1 when nothing has ever named this resource. */
  idOf(name: string): number;
}

export const CPU = 0;
export const MEMORY = 1;
export const EPHEMERAL_STORAGE = 2;

/** A pod's label or node selector compiled to a predicate over labels. */
export type LabelPredicate = (labels: Labels) => boolean;

/** A required or preferred pod (anti-)affinity term, compiled. */
export interface AffinityTerm {
  readonly topologyKey: string;
  readonly weight: number;
  /** Does this term select the given pod (namespace and labels)? `namespaceLabels` are those of the pod's namespace. */
  matches(pod: PodShape, namespaceLabels: Labels): boolean;
}

/** A spread constraint with its selector compiled (matchLabelKeys merged in). */
export interface SpreadConstraint extends TopologySpreadConstraint {
  readonly matches: LabelPredicate;
  /**
   * The merged selector has no requirement: when counting pods on nodes it counts none, though it matches the pod
   * itself (kube-scheduler v1.34.1, plugins/podtopologyspread/common.go).
   */
  readonly selectorIsEmpty: boolean;
}

export interface HostPort {
  readonly protocol: string;
  readonly ip: string;
  readonly port: number;
}

/** A pod's volume that some plugin looks at. The names of claims may follow the pod's, so that a shape can be shared. */
export type PodVolume =
  | { readonly kind: "claim"; readonly claimName: string }
  /** The claim `name-pod`, of a StatefulSet's volumeClaimTemplates. */
  | { readonly kind: "statefulSet"; readonly name: string }
  /** The claim `pod-name`. */
  | { readonly kind: "ephemeral"; readonly name: string }
  | { readonly kind: "disk"; readonly disk: InTreeDisk };

/**
 * What the scheduler needs to know of a pod, compiled once and shared by all pods of one template in one namespace.
 * Amounts are integers: cpu in milli, everything else in whole units.
 */
export interface PodShape {
  /** Dense id of the shape in a run; equal shapes may share caches. */
  readonly id: number;
  readonly namespace: string;
  readonly labels: Labels;
  readonly priority: number;
  readonly preemptionPolicy: "PreemptLowerPriority" | "Never";
  readonly schedulerName: string;
  readonly schedulingGates: readonly string[];
  /** spec.nodeName as submitted (checked by the NodeName plugin); undefined where none. */
  readonly nodeName: string | undefined;
  /** The effective request (init steps, sidecars, overhead, pod level) by resource id; only entries above 0. */
  readonly requests: readonly { readonly resource: number; readonly amount: number }[];
  /** Request of one resource, 0 if none. */
  requestOf(resource: number): number;
  /** Requests as scoring counts them: a container without cpu counts 100m, without memory 200 MiB. */
  readonly nonZeroCpuMilli: number;
  readonly nonZeroMemoryBytes: number;
  /**
   * As the two above for an *incoming* pod in NodeResourcesFit's score, which ignores pod-level resources
   * (quirk of v1.34.1, plugins/noderesources/resource_allocation.go).
   */
  readonly scoreCpuMilli: number;
  readonly scoreMemoryBytes: number;
  /** Request of any other resource as that score counts it: without pod-level resources. */
  scoreRequestOf(resource: number): number;
  readonly hostPorts: readonly HostPort[];
  readonly tolerations: readonly Toleration[];
  /** Normalised names of the images of init and regular containers, in order, with repeats. */
  readonly images: readonly string[];
  /** nodeSelector AND required node affinity, compiled; undefined where neither is given. */
  readonly nodeAffinity: ((node: NodeInfo) => boolean) | undefined;
  /** Names allowed by `metadata.name` fields when every required term has one; undefined otherwise. */
  readonly nodeAffinityNames: readonly string[] | undefined;
  readonly preferredNodeAffinity: readonly { readonly weight: number; matches(node: NodeInfo): boolean }[];
  readonly requiredAffinity: readonly AffinityTerm[];
  readonly requiredAntiAffinity: readonly AffinityTerm[];
  readonly preferredAffinity: readonly AffinityTerm[];
  /** Weights positive; the plugin subtracts. */
  readonly preferredAntiAffinity: readonly AffinityTerm[];
  readonly spreadConstraints: readonly SpreadConstraint[];
  /**
   * What services and controller owners select of this pod, merged, for default spread constraints; undefined where
   * nothing does. Decided by the host when it compiles the shape.
   */
  readonly defaultSpreadSelector: LabelPredicate | undefined;
  readonly volumes: readonly PodVolume[];
}

/** One pod as the scheduler sees it. */
export interface PodInfo {
  /** Dense id, unique in a run. */
  readonly id: number;
  readonly name: string;
  readonly shape: PodShape;
  /** status.startTime in µs since the run's epoch; Infinity where it has not started. Decides victim importance. */
  startTimeUs: number;
  /** Has a deletion timestamp. */
  terminating: boolean;
  /** Terminating because a preemptor chose it (DisruptionTarget, PreemptionByScheduler). */
  terminatingByPreemption: boolean;
  /** Dense node id of status.nominatedNodeName, or -1. */
  nominatedNode: number;
}

/** A node's facts that pods do not change. Replaced as a whole when the Node object changes. */
export interface NodeInfo {
  /** Dense id: the index of every per-node column. */
  readonly id: number;
  readonly name: string;
  readonly labels: Labels;
  readonly taints: readonly Taint[];
  readonly unschedulable: boolean;
  readonly images: readonly ContainerImage[];
}

/**
 * The scheduler's snapshot, read-only: nodes, the pods on them, and what they ask for. Node arguments are dense ids
 * of live nodes. The same questions are answered by an overlay in which pods were added to or removed from nodes.
 */
export interface SchedulerView {
  readonly resources: ResourceIds;
  /** Ids of live nodes in kube-scheduler's order: round robin over zones, each zone in order of addition. */
  readonly nodeOrder: Int32Array;
  /** Upper bound of node ids + 1, for columns of a plugin's own. */
  readonly nodeIdsEnd: number;
  node(node: number): NodeInfo;
  /** Id of the live node of this name, or -1. */
  nodeByName(name: string): number;
  /** Place of the node in nodeOrder, or -1 where it is not live. */
  nodePosition(node: number): number;
  allocatable(node: number, resource: number): number;
  requested(node: number, resource: number): number;
  nonZeroCpuMilli(node: number): number;
  nonZeroMemoryBytes(node: number): number;
  podsMax(node: number): number;
  podCount(node: number): number;
  podsOn(node: number): readonly PodInfo[];
  /** Pods on the node that have required anti-affinity terms. */
  podsWithRequiredAntiAffinityOn(node: number): readonly PodInfo[];
  /** Pods on the node that have any pod affinity or anti-affinity term. */
  podsWithAffinityOn(node: number): readonly PodInfo[];
  /** Ids of nodes where podsWithRequiredAntiAffinityOn / podsWithAffinityOn is not empty, in nodeOrder. */
  nodesWithRequiredAntiAffinityPods(): readonly number[];
  nodesWithAffinityPods(): readonly number[];
  /** Would any of the ports clash with those in use on the node? */
  portsConflict(node: number, ports: readonly HostPort[]): boolean;
  /** Labels of a namespace; {} where it is unknown. */
  namespaceLabels(namespace: string): Labels;
  /** Live nodes that have an image of this normalised name, and the size the first of them reported. */
  image(name: string): { readonly sizeBytes: number; readonly nodes: number } | undefined;
  /** Claims, persistent volumes and what belongs to them; undefined: volumes are not modelled, no plugin asks. */
  readonly volumes: VolumesView | undefined;
  /**
   * Grows whenever anything that a plugin can see through this view has changed; a cache keyed by (view, version) is
   * never stale.
   */
  readonly version: number;
}

/** A view that shadows another: the dry run of preemption and nominated pods add and remove pods here. */
export interface OverlayView extends SchedulerView {
  addPod(pod: PodInfo, node: number): void;
  removePod(pod: PodInfo, node: number): void;
  /** Back to the base. */
  reset(): void;
}

/** What a plugin's answer depends on, so that the framework may cache and re-ask accordingly. */
export type DependsOn =
  /** The pod and the node's fixed facts. */
  | "facts"
  /** The node's current state besides. */
  | "node"
  /** Counters of topology domains. */
  | "domain"
  /** The whole cluster, or the plugin's own memory. */
  | "cluster";

/** PreFilter's answer: nothing to say; skip this plugin's Filter; refuse all nodes; or a state, maybe a node set. */
export type PreFilterResult<S> =
  | { readonly kind: "skip" }
  | { readonly kind: "reject"; readonly rejection: Rejection }
  | { readonly kind: "state"; readonly state: S; readonly nodeNames?: readonly string[] };

/** PreScore's answer. */
export type PreScoreResult<S> = { readonly kind: "skip" } | { readonly kind: "state"; readonly state: S };

/**
 * How raw scores become 0..100 over the scored nodes. `byMax` and `byMaxReversed` are helper.DefaultNormalizeScore;
 * `byMinMax` maps [min, max] linearly with truncation (all equal: 0); `none` takes raw integers as they are.
 */
export type Normalizer = "none" | "byMax" | "byMaxReversed" | "byMinMax";

/** A pod waiting in the queue, as its order sees it. */
export interface QueuedPod {
  readonly pod: PodInfo;
  /** When it (last) entered the queue, µs. */
  readonly timestampUs: number;
  /** Unique and growing: the last word among equals. */
  readonly sequence: number;
}

/** A scheduling plugin. Only the extension points it has are present. S: PreFilter state, T: PreScore state. */
export interface Plugin<S = unknown, T = unknown> {
  readonly name: string;
  readonly dependsOn: DependsOn;
  /** Order of the active queue: negative when `a` goes first. One plugin of a profile has it. */
  queueSort?(a: QueuedPod, b: QueuedPod): number;
  /** Refuses a pod before it enters the queue's active part; undefined lets it in. */
  preEnqueue?(pod: PodInfo): Rejection | undefined;
  preFilter?(view: SchedulerView, pod: PodInfo): PreFilterResult<S>;
  /** Keeps `state` as a fresh PreFilter would make it after `added` joined `node`. Contract-tested. */
  addPod?(state: S, view: SchedulerView, pod: PodInfo, added: PodInfo, node: number): void;
  /** The same after `removed` left `node`. */
  removePod?(state: S, view: SchedulerView, pod: PodInfo, removed: PodInfo, node: number): void;
  /** A copy that addPod/removePod may change without touching the original. Required beside addPod. */
  cloneState?(state: S): S;
  filter?(view: SchedulerView, pod: PodInfo, node: number, state: S): Rejection | undefined;
  /** `nodes`: the feasible ones. */
  preScore?(view: SchedulerView, pod: PodInfo, nodes: Int32Array): PreScoreResult<T>;
  /** Raw score, an integer unless `normalizeScore` is the plugin's own. */
  score?(view: SchedulerView, pod: PodInfo, node: number, state: T): number;
  readonly normalizer?: Normalizer;
  /** Own normalisation, in place, instead of `normalizer`. `scores[i]` belongs to `nodes[i]`. */
  normalizeScore?(view: SchedulerView, pod: PodInfo, nodes: Int32Array, scores: Float64Array, state: T): void;
  /** The pod was put on the node (Reserve): for plugins that remember (RoundRobin). */
  reserve?(view: SchedulerView, pod: PodInfo, node: number): void;
  postFilter?(
    context: PostFilterContext,
    pod: PodInfo,
    rejections: ReadonlyMap<number, Rejection>,
  ): PostFilterResult;
  /**
   * Cluster events after which a pod this plugin refused may fit (EventsToRegister). Absent: any event. A plugin that
   * listens to NodeAdd hears of every change of a node's taints, too, as in v1.34 (scheduler.go, issue 109437).
   */
  readonly requeueOn?: readonly ClusterEvent[];
  /**
   * Whether this event, one of `requeueOn`, may help a pod that this plugin refused (QueueingHintFn: Queue or
   * QueueSkip). Absent: each of them does.
   */
  queueingHint?(pod: PodInfo, event: QueueEvent): boolean;
}

/** Events that the queue listens to (framework.ClusterEvent, by resource and action). */
export type ClusterEvent =
  | "NodeAdd"
  | "NodeAllocatableUpdate"
  | "NodeLabelUpdate"
  | "NodeTaintUpdate"
  | "NodeDelete"
  | "AssignedPodAdd"
  | "AssignedPodUpdate"
  | "AssignedPodDelete"
  | "PodUpdate"
  | "PersistentVolumeAdd"
  | "PersistentVolumeUpdate"
  | "PersistentVolumeClaimAdd"
  | "PersistentVolumeClaimUpdate"
  | "StorageClassAdd"
  | "CSINodeAdd"
  | "CSINodeUpdate";

/** A Node object as an event shows it: its facts, and what it has to give. */
export interface EventNode {
  readonly info: NodeInfo;
  readonly podsMax: number;
  readonly allocatable: readonly { readonly resource: number; readonly amount: number }[];
}

/** An event with its object: a node as it was and as it is, a pod of a node, the waiting pod itself. */
export type QueueEvent =
  | { readonly kind: "NodeAdd"; readonly node: EventNode }
  | {
      readonly kind: "NodeAllocatableUpdate" | "NodeLabelUpdate" | "NodeTaintUpdate";
      readonly before: EventNode;
      readonly node: EventNode;
    }
  | { readonly kind: "NodeDelete"; readonly before: EventNode }
  | {
      readonly kind: "AssignedPodAdd" | "AssignedPodUpdate" | "AssignedPodDelete" | "PodUpdate";
      readonly pod: PodInfo;
    };

/** What a PostFilter plugin may use. */
export interface PostFilterContext {
  readonly view: SchedulerView;
  /** A fresh overlay of the current state. */
  overlay(): OverlayView;
  /** The PreFilter states of the current cycle; pass a clone through add/removePod. */
  cloneCycle(): CycleState;
  /** Runs all Filter plugins for one node of an overlay, nominated pods included as kube-scheduler does. */
  filter(overlay: OverlayView, cycle: CycleState, pod: PodInfo, node: number): Rejection | undefined;
  /** Applies an add or removal to both an overlay and every plugin's state. */
  addPod(overlay: OverlayView, cycle: CycleState, pod: PodInfo, added: PodInfo, node: number): void;
  removePod(overlay: OverlayView, cycle: CycleState, pod: PodInfo, removed: PodInfo, node: number): void;
  readonly podDisruptionBudgets: readonly DisruptionBudget[];
  /** Uniform integer below the bound, from the framework's named stream. */
  below(bound: number): number;
}

/** The PreFilter states of one cycle, by plugin index. Opaque to plugins. */
export interface CycleState {
  readonly states: unknown[];
}

export interface DisruptionBudget {
  readonly namespace: string;
  readonly matches: LabelPredicate;
  readonly disruptionsAllowed: number;
  readonly disruptedPods: ReadonlySet<string>;
}

export type PostFilterResult =
  | {
      readonly kind: "nominated";
      readonly node: number;
      readonly victims: readonly PodInfo[];
      readonly pdbViolations: number;
    }
  | { readonly kind: "unschedulable"; readonly message: string }
  | { readonly kind: "notEligible"; readonly message: string };

/** What a plugin's factory gets besides its arguments. */
export interface PluginContext {
  readonly streams: RandomStreams;
  readonly resources: ResourceIds;
}

/** A plugin on the shelf. */
export interface PluginFactory {
  readonly name: string;
  /** The rule in one sentence, for `seatrial policies` and the docs. */
  readonly description: string;
  /** kube-scheduler's own, or for comparison only. */
  readonly origin: "kubernetes" | "research" | "user";
  /** `args`: the plugin's pluginConfig arguments, validated and defaulted by the reader of the configuration. */
  create(args: unknown, context: PluginContext): Plugin;
}

/** A profile as plain data: which plugins run, with what weights and arguments. */
export interface ProfileSpec {
  readonly schedulerName: string;
  /** Enabled plugins in MultiPoint order; a plugin acts at each extension point that it has. */
  readonly plugins: readonly {
    readonly name: string;
    /** 0: its Score does not run. */
    readonly scoreWeight: number;
    /** Its Filter side (PreFilter, Filter) runs. */
    readonly filter: boolean;
    /** Its PostFilter runs. */
    readonly postFilter: boolean;
  }[];
  readonly args: Readonly<Record<string, unknown>>;
  /** 0: adaptive, as kube-scheduler; 1..100. */
  readonly percentageOfNodesToScore: number;
  /** Among equal totals: uniform from a named stream, the first in node order, or the lowest name. */
  readonly tieBreak: "random" | "first" | "name";
}

/** What one scheduling attempt decided. */
export type Decision =
  | {
      readonly kind: "scheduled";
      readonly node: number;
      readonly feasible: number;
      readonly evaluated: number;
    }
  | {
      readonly kind: "unschedulable";
      /** kube-scheduler's own text, e.g. `0/3 nodes are available: 3 Insufficient cpu.` plus the preemption part. */
      readonly message: string;
      /** Plugins that refused a node or the pod, for queueing hints. */
      readonly plugins: ReadonlySet<string>;
      readonly rejections: ReadonlyMap<number, Rejection>;
      readonly evaluated: number;
      readonly preemption: PostFilterResult | undefined;
    };
