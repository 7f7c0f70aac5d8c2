/** Names that Kubernetes itself gives to labels and taints of nodes (k8s.io/api/core/v1, well-known labels and taints). */

export const LABEL_HOSTNAME = "kubernetes.io/hostname";
export const LABEL_ZONE = "topology.kubernetes.io/zone";
export const LABEL_REGION = "topology.kubernetes.io/region";
/** What zone and region were called before Kubernetes 1.17; volumes still carry them. */
export const LABEL_ZONE_BETA = "failure-domain.beta.kubernetes.io/zone";
export const LABEL_REGION_BETA = "failure-domain.beta.kubernetes.io/region";
/** Nodes with this label do not count in their zone's state. */
export const LABEL_EXCLUDE_DISRUPTION = "node.kubernetes.io/exclude-disruption";

/** Before the names of all taints below. */
export const NODE_TAINT_PREFIX = "node.kubernetes.io/";
export const TAINT_NOT_READY = "node.kubernetes.io/not-ready";
export const TAINT_UNREACHABLE = "node.kubernetes.io/unreachable";
/** Kept on cordoned nodes by the node lifecycle controller. */
export const TAINT_UNSCHEDULABLE = "node.kubernetes.io/unschedulable";
/** Set by people on nodes that are surely off. */
export const TAINT_OUT_OF_SERVICE = "node.kubernetes.io/out-of-service";
export const TAINT_DISK_PRESSURE = "node.kubernetes.io/disk-pressure";
export const TAINT_MEMORY_PRESSURE = "node.kubernetes.io/memory-pressure";
export const TAINT_PID_PRESSURE = "node.kubernetes.io/pid-pressure";
export const TAINT_NETWORK_UNAVAILABLE = "node.kubernetes.io/network-unavailable";
