/** Pod shapes of a snapshot: compiled once for all pods that ask for the same, with their default spread selectors. */
import type {
  Container,
  KubernetesObject,
  LabelSelector,
  ObjectMeta,
  Pod,
  PodSpec,
  ResourceList,
} from "../api/objects.js";
import { compileLabelSelector, compileMatchLabels } from "../api/selectors.js";
import type { ResourceTable } from "../policies/framework/resources.js";
import { compileShape, type ShapeInput } from "../policies/framework/shape.js";
import type { LabelPredicate, PodShape } from "../policies/framework/types.js";

export class PodShapes {
  readonly #resources: ResourceTable;
  readonly #selectors: SpreadSelectors;
  readonly #byKey = new Map<string, PodShape>();
  /** Of objects met before: what is tried out in a sandbox is put back again and again. */
  readonly #byObject = new WeakMap<Pod, PodShape>();
  #count = 0;

  constructor(resources: ResourceTable, objects: readonly KubernetesObject[]) {
    this.#resources = resources;
    this.#selectors = new SpreadSelectors(objects);
  }

  /** A pod without spec.nodeName looks for a node, any other has it already: there it is what others see of it. */
  of(pod: Pod): PodShape {
    let shape = this.#byObject.get(pod);
    if (shape === undefined) {
      const key = this.#keyOf(pod);
      shape = this.#byKey.get(key) ?? this.#compile(this.#inputOf(pod));
      this.#byKey.set(key, shape);
      this.#byObject.set(pod, shape);
    }
    return shape;
  }

  /** The same without a search for pods that ask for the same: for one of a kind. */
  ofSingle(pod: Pod): PodShape {
    let shape = this.#byObject.get(pod);
    if (shape === undefined) {
      shape = this.#compile(this.#inputOf(pod));
      this.#byObject.set(pod, shape);
    }
    return shape;
  }

  #inputOf(pod: Pod): ShapeInput {
    const { namespace, labels } = pod.metadata;
    const { nodeName, ...spec } = pod.spec;
    if (nodeName !== undefined) return { namespace, labels, spec };
    const selector = this.#selectors.of(pod.metadata)?.matches;
    return {
      namespace,
      labels,
      spec,
      ...(selector === undefined ? {} : { defaultSpreadSelector: selector }),
    };
  }

  /** Default constraints are a matter of pods that look for a node. */
  #keyOf(pod: Pod): string {
    const { namespace, labels } = pod.metadata;
    const key = `${keyOf(namespace, labels, pod.spec)}${claimsKey(pod)}`;
    if (pod.spec.nodeName !== undefined) return key;
    return `${key}|${this.#selectors.of(pod.metadata)?.key ?? ""}`;
  }

  #compile(input: ShapeInput): PodShape {
    return compileShape(input, this.#resources, this.#count++);
  }
}

/**
 * Everything that a shape is compiled from, as text. Volumes' own names (`kube-api-access-x7k2p`) differ between twins
 * and mean nothing. Written out by hand, since it is asked of every pod of a large snapshot.
 */
function keyOf(namespace: string, labels: ObjectMeta["labels"], spec: PodSpec): string {
  const { resources, overhead, containers, initContainers } = spec;
  return JSON.stringify([
    namespace,
    labels,
    containers.map(containerKey),
    initContainers.map(containerKey),
    amountsKey(overhead),
    resources === undefined ? null : amountsKey(resources.requests),
    spec.nodeSelector,
    spec.affinity,
    spec.tolerations,
    spec.priority,
    spec.preemptionPolicy,
    spec.schedulerName,
    spec.schedulingGates,
    spec.topologySpreadConstraints,
    spec.hostNetwork,
  ]);
}

/** Claims and disks. A claim made for a pod is called after it. */
function claimsKey({ metadata, spec }: Pod): string {
  const sources = spec.volumes.filter((volume) => Object.keys(volume).length > 1);
  if (sources.length === 0) return "";
  const exact = (_: string, value: unknown): unknown => (typeof value === "bigint" ? String(value) : value);
  const shared = sources.every((volume) => Object.keys(volume).every((key) => SHARED_SOURCES.includes(key)));
  return `|${shared ? "" : metadata.name}|${JSON.stringify(sources, exact)}`;
}

/** Fields of a volume that mean the same in every pod. */
const SHARED_SOURCES: readonly string[] = ["name", "claimName", "disk"];

function containerKey({ image, resources, ports, restartPolicy }: Container): unknown {
  return [image, amountsKey(resources.requests), ports, restartPolicy];
}

function amountsKey(amounts: ResourceList): string {
  let key = "";
  for (const [name, amount] of Object.entries(amounts)) key += `${name}=${amount};`;
  return key;
}

interface SpreadSelector {
  readonly key: string;
  readonly matches: LabelPredicate;
}

type Owner = Extract<KubernetesObject, { kind: "ReplicaSet" | "StatefulSet" | "ReplicationController" }>;

/**
 * What default spread constraints count: pods that the pod's services and its controller select, all at once
 * (helper.DefaultSelector of pkg/scheduler/framework/plugins/helper/spread.go).
 */
class SpreadSelectors {
  readonly #services = new Map<string, { readonly key: string; readonly matches: LabelPredicate }[]>();
  readonly #owners = new Map<string, LabelSelector>();

  constructor(objects: readonly KubernetesObject[]) {
    for (const object of objects) {
      if (object.kind === "Service") this.#addService(object);
      else if (isOwner(object)) {
        this.#owners.set(
          `${object.kind}/${object.metadata.namespace}/${object.metadata.name}`,
          object.selector,
        );
      }
    }
  }

  of({ namespace, labels, ownerReferences }: ObjectMeta): SpreadSelector | undefined {
    const parts = (this.#services.get(namespace) ?? []).filter(({ matches }) => matches(labels));
    const owner = ownerReferences.find(({ controller }) => controller);
    const selector = owner && this.#owners.get(`${owner.kind}/${namespace}/${owner.name}`);
    if (selector !== undefined) {
      parts.push({ key: JSON.stringify(selector), matches: compileLabelSelector(selector) });
    }
    if (parts.length === 0) return undefined;
    return {
      key: parts.map(({ key }) => key).join(),
      matches: (others) => parts.every(({ matches }) => matches(others)),
    };
  }

  #addService({ metadata, selector }: Extract<KubernetesObject, { kind: "Service" }>): void {
    if (selector === undefined || Object.keys(selector).length === 0) return;
    const services = this.#services.get(metadata.namespace) ?? [];
    services.push({ key: JSON.stringify(selector), matches: compileMatchLabels(selector) });
    this.#services.set(metadata.namespace, services);
  }
}

function isOwner(object: KubernetesObject): object is Owner {
  return ["ReplicaSet", "StatefulSet", "ReplicationController"].includes(object.kind);
}
