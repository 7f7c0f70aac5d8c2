/**
 * Kubernetes API objects as plain data: what the manifests say after API defaulting, in Kubernetes' own names.
 * Read-only, structured-cloneable, no behaviour. Resource amounts are exact quantities in nano-units.
 */
import type { Quantity } from "../units/quantity.js";

export type Labels = Readonly<Record<string, string>>;
/** Resource name → exact amount. */
export type ResourceList = Readonly<Record<string, Quantity>>;

export interface OwnerReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
  readonly controller: boolean;
}

export interface ObjectMeta {
  readonly name: string;
  /** "" for cluster-scoped kinds; "default" where a namespaced manifest gives none. */
  readonly namespace: string;
  readonly uid: string;
  readonly labels: Labels;
  readonly annotations: Labels;
  /** RFC 3339 as written, or undefined. */
  readonly creationTimestamp?: string;
  readonly deletionTimestamp?: string;
  readonly ownerReferences: readonly OwnerReference[];
}

export interface LabelSelectorRequirement {
  readonly key: string;
  readonly operator: "In" | "NotIn" | "Exists" | "DoesNotExist";
  readonly values: readonly string[];
}

/** metav1.LabelSelector: an empty one matches everything, an absent one (undefined where used) nothing. */
export interface LabelSelector {
  readonly matchLabels: Labels;
  readonly matchExpressions: readonly LabelSelectorRequirement[];
}

export interface NodeSelectorRequirement {
  readonly key: string;
  readonly operator: "In" | "NotIn" | "Exists" | "DoesNotExist" | "Gt" | "Lt";
  readonly values: readonly string[];
}

export interface NodeSelectorTerm {
  readonly matchExpressions: readonly NodeSelectorRequirement[];
  readonly matchFields: readonly NodeSelectorRequirement[];
}

export interface PreferredSchedulingTerm {
  readonly weight: number;
  readonly preference: NodeSelectorTerm;
}

export interface NodeAffinity {
  /** undefined: no requirement; []: matches nothing. */
  readonly required?: readonly NodeSelectorTerm[];
  readonly preferred: readonly PreferredSchedulingTerm[];
}

export interface PodAffinityTerm {
  readonly labelSelector?: LabelSelector;
  readonly namespaces: readonly string[];
  readonly namespaceSelector?: LabelSelector;
  readonly topologyKey: string;
  readonly matchLabelKeys: readonly string[];
  readonly mismatchLabelKeys: readonly string[];
}

export interface WeightedPodAffinityTerm {
  readonly weight: number;
  readonly podAffinityTerm: PodAffinityTerm;
}

export interface PodAffinity {
  readonly required: readonly PodAffinityTerm[];
  readonly preferred: readonly WeightedPodAffinityTerm[];
}

export interface Affinity {
  readonly nodeAffinity?: NodeAffinity;
  readonly podAffinity?: PodAffinity;
  readonly podAntiAffinity?: PodAffinity;
}

export type TaintEffect = "NoSchedule" | "PreferNoSchedule" | "NoExecute";

export interface Taint {
  readonly key: string;
  readonly value: string;
  readonly effect: TaintEffect;
}

export interface Toleration {
  /** "" matches every key. */
  readonly key: string;
  readonly operator: "Exists" | "Equal";
  readonly value: string;
  /** "" matches every effect. */
  readonly effect: TaintEffect | "";
  /** undefined: for ever. */
  readonly tolerationSeconds?: number;
}

export interface TopologySpreadConstraint {
  readonly maxSkew: number;
  readonly topologyKey: string;
  readonly whenUnsatisfiable: "DoNotSchedule" | "ScheduleAnyway";
  readonly labelSelector?: LabelSelector;
  readonly minDomains?: number;
  readonly nodeAffinityPolicy: "Honor" | "Ignore";
  readonly nodeTaintsPolicy: "Honor" | "Ignore";
  readonly matchLabelKeys: readonly string[];
}

export interface ContainerPort {
  readonly containerPort: number;
  readonly hostPort: number;
  readonly hostIP: string;
  readonly protocol: string;
  readonly name: string;
}

export interface ResourceRequirements {
  readonly requests: ResourceList;
  readonly limits: ResourceList;
}

/** The parts of a probe that decide when a pod turns Ready. Seconds. */
export interface Probe {
  readonly initialDelaySeconds: number;
  readonly periodSeconds: number;
  readonly successThreshold: number;
  readonly failureThreshold: number;
}

export interface Container {
  readonly name: string;
  readonly image: string;
  readonly resources: ResourceRequirements;
  readonly ports: readonly ContainerPort[];
  /** "Always" on an init container makes it a sidecar. */
  readonly restartPolicy?: "Always";
  readonly readinessProbe?: Probe;
}

/** In-tree disks that the scheduler keeps from being mounted twice (VolumeRestrictions). */
export type InTreeDisk =
  | { readonly type: "gcePersistentDisk"; readonly pdName: string; readonly readOnly: boolean }
  | { readonly type: "awsElasticBlockStore"; readonly volumeID: string }
  | { readonly type: "iscsi"; readonly iqn: string; readonly readOnly: boolean }
  | {
      readonly type: "rbd";
      readonly monitors: readonly string[];
      readonly pool: string;
      readonly image: string;
      readonly readOnly: boolean;
    };

export interface Volume {
  readonly name: string;
  /** persistentVolumeClaim.claimName, where the volume is one. */
  readonly claimName?: string;
  /** ephemeral.volumeClaimTemplate: the claim is called after pod and volume, and lives with the pod. */
  readonly ephemeral?: ClaimTemplate;
  /** Of a StatefulSet's volumeClaimTemplates: the claim is called after the template and the pod. */
  readonly volumeClaimTemplate?: ClaimTemplate;
  readonly disk?: InTreeDisk;
}

export type AccessMode = "ReadWriteOnce" | "ReadOnlyMany" | "ReadWriteMany" | "ReadWriteOncePod";
export type VolumeMode = "Filesystem" | "Block";

/** spec of a PersistentVolumeClaim. */
export interface ClaimSpec {
  readonly accessModes: readonly AccessMode[];
  /** spec.resources.requests.storage, exact; 0 where none. */
  readonly storage: Quantity;
  /** undefined: none given, so that admission takes the default class; "": no class. */
  readonly storageClassName?: string;
  readonly volumeMode: VolumeMode;
  readonly selector?: LabelSelector;
  readonly volumeName?: string;
}

export interface ClaimTemplate {
  readonly labels: Labels;
  readonly annotations: Labels;
  readonly spec: ClaimSpec;
}

export interface PodSpec {
  readonly nodeName?: string;
  readonly nodeSelector: Labels;
  readonly affinity?: Affinity;
  readonly tolerations: readonly Toleration[];
  readonly containers: readonly Container[];
  readonly initContainers: readonly Container[];
  readonly overhead: ResourceList;
  /** Pod-level resources (spec.resources), where given. */
  readonly resources?: ResourceRequirements;
  /** Resolved value; undefined: not yet resolved from priorityClassName. */
  readonly priority?: number;
  readonly priorityClassName?: string;
  readonly preemptionPolicy: "PreemptLowerPriority" | "Never";
  readonly schedulerName: string;
  readonly schedulingGates: readonly string[];
  readonly topologySpreadConstraints: readonly TopologySpreadConstraint[];
  readonly hostNetwork: boolean;
  readonly restartPolicy: "Always" | "OnFailure" | "Never";
  readonly terminationGracePeriodSeconds: number;
  readonly volumes: readonly Volume[];
}

export type PodPhase = "Pending" | "Running" | "Succeeded" | "Failed" | "Unknown";

export interface Pod {
  readonly kind: "Pod";
  readonly metadata: ObjectMeta;
  readonly spec: PodSpec;
  /** From a snapshot; a manifest's pod is Pending. */
  readonly status: {
    readonly phase: PodPhase;
    readonly startTime?: string;
    readonly nominatedNodeName?: string;
    /** DisruptionTarget condition's reason, where present. */
    readonly disruptionReason?: string;
    readonly ready: boolean;
  };
}

export interface PodTemplate {
  readonly labels: Labels;
  readonly annotations: Labels;
  readonly spec: PodSpec;
}

/** An absolute number or a percentage, as in `maxSurge: 25%`. */
export type IntOrPercent = { readonly absolute: number } | { readonly percent: number };

export interface Deployment {
  readonly kind: "Deployment";
  readonly metadata: ObjectMeta;
  readonly replicas: number;
  readonly selector: LabelSelector;
  readonly template: PodTemplate;
  readonly strategy:
    | { readonly type: "Recreate" }
    | {
        readonly type: "RollingUpdate";
        readonly maxSurge: IntOrPercent;
        readonly maxUnavailable: IntOrPercent;
      };
  readonly minReadySeconds: number;
}

export interface ReplicaSet {
  readonly kind: "ReplicaSet";
  readonly metadata: ObjectMeta;
  readonly replicas: number;
  readonly selector: LabelSelector;
  readonly template: PodTemplate;
  readonly minReadySeconds: number;
}

export interface ReplicationController {
  readonly kind: "ReplicationController";
  readonly metadata: ObjectMeta;
  readonly replicas: number;
  readonly selector: LabelSelector;
  readonly template: PodTemplate;
  readonly minReadySeconds: number;
}

export interface StatefulSet {
  readonly kind: "StatefulSet";
  readonly metadata: ObjectMeta;
  readonly replicas: number;
  readonly selector: LabelSelector;
  readonly template: PodTemplate;
  readonly serviceName: string;
  readonly podManagementPolicy: "OrderedReady" | "Parallel";
  readonly updateStrategy: "RollingUpdate" | "OnDelete";
  readonly minReadySeconds: number;
}

export interface DaemonSet {
  readonly kind: "DaemonSet";
  readonly metadata: ObjectMeta;
  readonly selector: LabelSelector;
  readonly template: PodTemplate;
  readonly updateStrategy: "RollingUpdate" | "OnDelete";
  readonly maxUnavailable: IntOrPercent;
  readonly minReadySeconds: number;
}

export interface Job {
  readonly kind: "Job";
  readonly metadata: ObjectMeta;
  readonly parallelism: number;
  /** undefined: a work queue that is done when one pod has succeeded and all have ended. */
  readonly completions?: number;
  readonly backoffLimit: number;
  readonly podReplacementPolicy: "TerminatingOrFailed" | "Failed";
  readonly template: PodTemplate;
}

export interface ServicePort {
  readonly port: number;
  readonly protocol: string;
  readonly nodePort?: number;
}

export interface Service {
  readonly kind: "Service";
  readonly metadata: ObjectMeta;
  /** undefined: endpoints are managed by hand, the service selects nothing. */
  readonly selector?: Labels;
  readonly type: "ClusterIP" | "NodePort" | "LoadBalancer" | "ExternalName";
  readonly ports: readonly ServicePort[];
}

export interface PriorityClass {
  readonly kind: "PriorityClass";
  readonly metadata: ObjectMeta;
  readonly value: number;
  readonly globalDefault: boolean;
  readonly preemptionPolicy: "PreemptLowerPriority" | "Never";
}

export interface PodDisruptionBudget {
  readonly kind: "PodDisruptionBudget";
  readonly metadata: ObjectMeta;
  readonly selector?: LabelSelector;
  readonly minAvailable?: IntOrPercent;
  readonly maxUnavailable?: IntOrPercent;
  /** status.disruptionsAllowed, where the file gives it. */
  readonly disruptionsAllowed?: number;
  readonly disruptedPods: readonly string[];
}

export interface ContainerImage {
  readonly names: readonly string[];
  readonly sizeBytes: number;
}

export interface Node {
  readonly kind: "Node";
  readonly metadata: ObjectMeta;
  readonly unschedulable: boolean;
  readonly taints: readonly Taint[];
  readonly allocatable: ResourceList;
  readonly images: readonly ContainerImage[];
  /** status condition Ready; true where the file gives no status. */
  readonly ready: boolean;
}

export interface Namespace {
  readonly kind: "Namespace";
  readonly metadata: ObjectMeta;
}

export interface PersistentVolumeClaim {
  readonly kind: "PersistentVolumeClaim";
  readonly metadata: ObjectMeta;
  readonly spec: ClaimSpec;
  /** From a snapshot; undefined: a manifest, of which no controller has said anything yet. */
  readonly phase?: "Pending" | "Bound" | "Lost";
}

export interface PersistentVolume {
  readonly kind: "PersistentVolume";
  readonly metadata: ObjectMeta;
  /** spec.capacity.storage, exact. */
  readonly storage: Quantity;
  readonly accessModes: readonly AccessMode[];
  /** "": no class. */
  readonly storageClassName: string;
  readonly volumeMode: VolumeMode;
  /** The claim it is bound to, or kept for. */
  readonly claimRef?: { readonly namespace: string; readonly name: string; readonly uid: string };
  /** spec.nodeAffinity.required; undefined: every node can mount it. */
  readonly nodeAffinity?: readonly NodeSelectorTerm[];
  readonly csi?: { readonly driver: string; readonly volumeHandle: string };
  readonly phase: "Available" | "Bound" | "Released" | "Failed" | "Pending";
}

/** storage.k8s.io TopologySelectorTerm: all of these labels must have one of the values. */
export type TopologySelectorTerm = readonly { readonly key: string; readonly values: readonly string[] }[];

export interface StorageClass {
  readonly kind: "StorageClass";
  readonly metadata: ObjectMeta;
  readonly provisioner: string;
  readonly volumeBindingMode: "Immediate" | "WaitForFirstConsumer";
  /** One of them must hold on a node; []: all nodes. */
  readonly allowedTopologies: readonly TopologySelectorTerm[];
  /** Annotated as the class of claims that name none. */
  readonly isDefault: boolean;
}

/** What CSI drivers registered on the node of the same name. */
export interface CSINode {
  readonly kind: "CSINode";
  readonly metadata: ObjectMeta;
  readonly drivers: readonly {
    readonly name: string;
    readonly topologyKeys: readonly string[];
    /** allocatable.count: volumes that can be attached; undefined: no limit. */
    readonly volumesMax?: number;
  }[];
}

export interface VolumeAttachment {
  readonly kind: "VolumeAttachment";
  readonly metadata: ObjectMeta;
  readonly attacher: string;
  readonly nodeName: string;
  readonly persistentVolumeName?: string;
}

/** The kinds that volumes are made of. */
export type VolumeObject =
  | PersistentVolumeClaim
  | PersistentVolume
  | StorageClass
  | CSINode
  | VolumeAttachment;

/** Every kind that Seatrial understands. */
export type KubernetesObject =
  | Pod
  | Deployment
  | ReplicaSet
  | ReplicationController
  | StatefulSet
  | DaemonSet
  | Job
  | Service
  | PriorityClass
  | PodDisruptionBudget
  | Node
  | Namespace
  | VolumeObject;

/** The kinds that own pods through a template. */
export type WorkloadObject = Deployment | ReplicaSet | ReplicationController | StatefulSet | DaemonSet | Job;
