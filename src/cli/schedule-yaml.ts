/** Placed pods as manifests that kubectl takes: what their authors wrote, with spec.nodeName. */
import type { KubernetesObject, Pod } from "../api/objects.js";
import type { PlacementCluster } from "../placement/cluster.js";
import { isDaemonPod } from "../placement/nodes.js";
import type { RawObject, ReadObjects } from "../placement/read.js";
import { writeYaml } from "../workload/yaml.js";
import type { PlacementRow } from "./text/placement.js";

/** A List of the pods that were placed, in the order of the rows. `objects`: everything there is, for who owns whom. */
export function podsYaml(
  rows: readonly PlacementRow[],
  cluster: PlacementCluster,
  objects: readonly KubernetesObject[],
  files: readonly ReadObjects[],
): string {
  const specs = new WrittenSpecs(objects, files);
  const items = rows.flatMap(({ namespace, name, node }) => {
    if (node === undefined) return [];
    const { object } = cluster.pod(`${namespace}/${name}`);
    const { labels, annotations } = object.metadata;
    const { nodeName, affinity, ...spec } = specs.of(object);
    // A DaemonSet's pod is pinned by its node affinity, which nodeName makes superfluous.
    const kept = affinity === undefined || isDaemonPod(object) ? {} : { affinity };
    return [
      {
        apiVersion: "v1",
        kind: "Pod",
        metadata: {
          name,
          namespace,
          ...(Object.keys(labels).length === 0 ? {} : { labels }),
          ...(Object.keys(annotations).length === 0 ? {} : { annotations }),
        },
        spec: { ...spec, ...kept, nodeName: node },
      },
    ];
  });
  return writeYaml({ apiVersion: "v1", kind: "List", items });
}

/** Pod specs as they stood in the files: of the pod itself, or of the workload whose template it is made from. */
class WrittenSpecs {
  readonly #specs = new Map<string, RawObject>();
  /** ReplicaSets that a Deployment owns: their template is the Deployment's. */
  readonly #deployments = new Map<string, string>();

  constructor(objects: readonly KubernetesObject[], files: readonly ReadObjects[]) {
    for (const { raw } of files) {
      for (const [object, value] of raw) {
        const spec = asObject(value.spec);
        if (object.kind === "Pod") this.#specs.set(keyOf(object), spec);
        else if ("template" in object) this.#specs.set(keyOf(object), asObject(asObject(spec.template).spec));
      }
    }
    for (const object of objects) {
      const owner = object.kind === "ReplicaSet" ? controllerOf(object) : undefined;
      if (owner !== undefined) this.#deployments.set(keyOf(object), owner);
    }
  }

  of(pod: Pod): RawObject {
    const owner = controllerOf(pod) ?? "";
    const deployment = this.#deployments.get(owner) ?? "";
    return this.#specs.get(keyOf(pod)) ?? this.#specs.get(owner) ?? this.#specs.get(deployment) ?? {};
  }
}

function controllerOf({ metadata }: KubernetesObject): string | undefined {
  const owner = metadata.ownerReferences.find(({ controller }) => controller);
  return owner && `${owner.kind}/${metadata.namespace}/${owner.name}`;
}

function keyOf({ kind, metadata }: KubernetesObject): string {
  return `${kind}/${metadata.namespace}/${metadata.name}`;
}

function asObject(value: unknown): RawObject {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as RawObject) : {};
}
