import { assert } from "../../assert.js";
import type { ResourceIds } from "./types.js";
import { CPU, EPHEMERAL_STORAGE, MEMORY } from "./types.js";

/** Resource names as dense ids, in order of first mention after cpu, memory and ephemeral-storage. */
export class ResourceTable implements ResourceIds {
  readonly #names: string[] = [];
  readonly #ids = new Map<string, number>();

  constructor() {
    assert(this.intern("cpu") === CPU, "cpu is resource 0");
    assert(this.intern("memory") === MEMORY, "memory is resource 1");
    assert(this.intern("ephemeral-storage") === EPHEMERAL_STORAGE, "ephemeral-storage is resource 2");
  }

  get count(): number {
    return this.#names.length;
  }

  nameOf(resource: number): string {
    const name = this.#names[resource];
    assert(name !== undefined, `no resource has id ${resource}`);
    return name;
  }

  idOf(name: string): number {
    return this.#ids.get(name) ?? -1;
  }

  /** The id of the name, given out on first mention. */
  intern(name: string): number {
    const known = this.#ids.get(name);
    if (known !== undefined) return known;
    const id = this.#names.length;
    this.#names.push(name);
    this.#ids.set(name, id);
    return id;
  }
}

/** `kubernetes.io/…` inside the name, or no domain at all: a resource that Kubernetes itself defines. */
function isNative(name: string): boolean {
  return !name.includes("/") || name.includes("kubernetes.io/");
}

/** An extended resource, such as `nvidia.com/gpu` (v1helper.IsExtendedResourceName). */
export function isExtendedResource(name: string): boolean {
  return !isNative(name) && !name.startsWith("requests.");
}

/**
 * Resources that the scheduler counts besides cpu, memory and ephemeral-storage: extended ones, hugepages,
 * attachable volumes and prefixed native ones (schedutil.IsScalarResourceName).
 */
export function isScalarResource(name: string): boolean {
  return (
    isExtendedResource(name) ||
    name.startsWith("hugepages-") ||
    name.startsWith("attachable-volumes-") ||
    name.includes("kubernetes.io/")
  );
}

/** Does the scheduler count this resource at all? `pods` is counted on its own. */
export function isCountedResource(name: string): boolean {
  return name === "cpu" || name === "memory" || name === "ephemeral-storage" || isScalarResource(name);
}
