/** Nodes made after the picture of others, and the DaemonSet pods that come with them. */
import type { Affinity, Node, Pod } from "../api/objects.js";
import { LABEL_HOSTNAME } from "../topology/topology.js";

const METADATA_NAME = "metadata.name";
/** What controllers write on nodes in trouble: a new node is in none. */
const CONDITION_TAINT = "node.kubernetes.io/";

/** A node of another name: same labels (but for the hostname), taints and capacity, ready and uncordoned. */
export function nodeLike(like: Node, name: string): Node {
  const { labels, annotations } = like.metadata;
  return {
    ...like,
    metadata: {
      name,
      namespace: "",
      uid: "",
      labels: Object.hasOwn(labels, LABEL_HOSTNAME) ? { ...labels, [LABEL_HOSTNAME]: name } : labels,
      annotations,
      ownerReferences: [],
    },
    taints: like.taints.filter(({ key }) => !key.startsWith(CONDITION_TAINT)),
    unschedulable: false,
    ready: true,
  };
}

export function isDaemonPod({ metadata }: Pod): boolean {
  return metadata.ownerReferences.some(({ controller, kind }) => controller && kind === "DaemonSet");
}

/** Run by a kubelet from a file: no controller and no scheduler has a say (kubernetes.io/config.mirror). */
export function isMirrorPod({ metadata }: Pod): boolean {
  return Object.hasOwn(metadata.annotations, "kubernetes.io/config.mirror");
}

/** The DaemonSet pods on `like` once more, on the node `name`. `bound: false`: they look for their way there. */
export function daemonPodsFor(
  name: string,
  like: string,
  podsOnLike: readonly Pod[],
  { bound = true }: { readonly bound?: boolean } = {},
): Pod[] {
  return podsOnLike.filter(isDaemonPod).map((pod) => {
    const { nodeName, ...spec } = pod.spec;
    const affinity = forNode(spec.affinity, name);
    const { uid, deletionTimestamp, ...metadata } = pod.metadata;
    return {
      ...pod,
      metadata: { ...metadata, uid: "", name: `${pod.metadata.name}-${suffixOf(name, like)}` },
      spec: {
        ...spec,
        ...(affinity === undefined ? {} : { affinity }),
        ...(bound ? { nodeName: name } : {}),
      },
      status: { phase: bound ? "Running" : "Pending", ready: bound },
    };
  });
}

function suffixOf(name: string, like: string): string {
  return name.startsWith(`${like}-`) ? name.slice(like.length + 1) : name;
}

/** As the DaemonSet controller pins a pod (util.ReplaceDaemonSetPodNodeNameNodeAffinity): in place of its required terms. */
export function forNode(affinity: Affinity | undefined, name: string): Affinity {
  const pin = { key: METADATA_NAME, operator: "In", values: [name] } as const;
  const { nodeAffinity } = affinity ?? {};
  return {
    ...affinity,
    nodeAffinity: {
      preferred: nodeAffinity?.preferred ?? [],
      required: [{ matchExpressions: [], matchFields: [pin] }],
    },
  };
}
