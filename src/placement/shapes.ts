/** Pod shapes of a snapshot: compiled once for all pods that ask for the same, with their default spread selectors. */
import type { KubernetesObject, LabelSelector, ObjectMeta, Pod, PodSpec } from "../api/objects.js";
import { compileLabelSelector, compileMatchLabels } from "../api/selectors.js";
import type { ResourceTable } from "../policies/framework/resources.js";
import { compileShape } from "../policies/framework/shape.js";
import type { LabelPredicate, PodShape } from "../policies/framework/types.js";

export class PodShapes {
  readonly #resources: ResourceTable;
  readonly #selectors: SpreadSelectors;
  readonly #byKey = new Map<string, PodShape>();

  constructor(resources: ResourceTable, objects: readonly KubernetesObject[]) {
    this.#resources = resources;
    this.#selectors = new SpreadSelectors(objects);
  }

  /** The shape of a pod that has its node already: what others see of it. */
  ofBound(pod: Pod): PodShape {
    const { namespace, labels } = pod.metadata;
    const { nodeName, ...spec } = pod.spec;
    return this.#shared(keyOf(namespace, labels, spec), () => ({ namespace, labels, spec }));
  }

  /** The shape of a pod that looks for a node. */
  ofPending(pod: Pod): PodShape {
    const { namespace, labels } = pod.metadata;
    const selector = this.#selectors.of(pod.metadata);
    const key = `${keyOf(namespace, labels, pod.spec)}|${selector?.key ?? ""}`;
    return this.#shared(key, () => ({
      namespace,
      labels,
      spec: pod.spec,
      ...(selector === undefined ? {} : { defaultSpreadSelector: selector.matches }),
    }));
  }

  #shared(key: string, input: () => Parameters<typeof compileShape>[0]): PodShape {
    let shape = this.#byKey.get(key);
    if (shape === undefined) {
      shape = compileShape(input(), this.#resources, this.#byKey.size);
      this.#byKey.set(key, shape);
    }
    return shape;
  }
}

/** Everything that a shape is compiled from. Volumes' own names (`kube-api-access-x7k2p`) differ between twins. */
function keyOf(namespace: string, labels: ObjectMeta["labels"], spec: PodSpec): string {
  const volumes = spec.volumes.filter(({ claimName }) => claimName !== undefined);
  return JSON.stringify([namespace, labels, { ...spec, volumes }], (_, value: unknown) =>
    typeof value === "bigint" ? `${value}n` : value,
  );
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
