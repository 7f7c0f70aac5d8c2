import type { Node } from "../../api/objects.js";
import { milliValue, wholeValue } from "../../units/quantity.js";
import type { ResourceTable } from "./resources.js";
import { isCountedResource } from "./resources.js";
import type { NodeInfo } from "./types.js";
import { CPU } from "./types.js";

/** An amount of a resource: cpu in milli, everything else in whole units. */
export interface ResourceAmount {
  readonly resource: number;
  readonly amount: number;
}

/** A Node object as the scheduler's cache takes it. */
export interface CompiledNode {
  readonly info: NodeInfo;
  readonly allocatable: readonly ResourceAmount[];
  readonly podsMax: number;
}

/** What of a Node object (or of a machine of the topology) decides its place in the cache. */
export type NodeFacts = Pick<Node, "unschedulable" | "taints" | "allocatable" | "images"> & {
  readonly name: string;
  readonly labels: NodeInfo["labels"];
};

/** Compiles a node. Without `pods` in its allocatable it takes none, as in Kubernetes. */
export function compileNode(facts: NodeFacts, id: number, resources: ResourceTable): CompiledNode {
  const allocatable: ResourceAmount[] = [];
  let podsMax = 0;
  for (const [name, quantity] of Object.entries(facts.allocatable)) {
    if (name === "pods") podsMax = wholeValue(quantity);
    else if (isCountedResource(name)) {
      const resource = resources.intern(name);
      allocatable.push({ resource, amount: resource === CPU ? milliValue(quantity) : wholeValue(quantity) });
    }
  }
  const { name, labels, taints, unschedulable, images } = facts;
  return { info: { id, name, labels, taints, unschedulable, images }, allocatable, podsMax };
}
