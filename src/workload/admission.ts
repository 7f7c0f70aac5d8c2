/**
 * What the API server's admission plugins add to pods: the priority of their class, and how long they tolerate a node
 * that is not ready or unreachable. Optional, since pods of a snapshot and of the scheduler's golden data have been
 * through it or are meant not to.
 */
import type { KubernetesObject, PodSpec, PriorityClass, TaintEffect, Toleration } from "../api/objects.js";
import { TAINT_NOT_READY, TAINT_UNREACHABLE } from "../api/well-known.js";
import { closestOf, type Problems } from "./problems.js";

/** Classes that every cluster has (pkg/apis/scheduling/v1/helpers.go). */
const SYSTEM_PRIORITY_CLASSES: ReadonlyMap<string, number> = new Map([
  ["system-node-critical", 2_000_001_000],
  ["system-cluster-critical", 2_000_000_000],
]);

/** kube-apiserver --default-not-ready-toleration-seconds and --default-unreachable-toleration-seconds. */
export const DEFAULT_TOLERATION_SECONDS = 300;

const NO_EXECUTE: TaintEffect = "NoExecute";

export interface AdmissionOptions {
  /** The DefaultTolerationSeconds plugin; undefined switches it off. */
  readonly defaultTolerationSeconds?: { readonly notReady: number; readonly unreachable: number } | undefined;
  /** Named in problems, e.g. the scenario's file. */
  readonly file: string;
}

/** As a fresh kube-apiserver is set. */
export const DEFAULT_ADMISSION: Pick<AdmissionOptions, "defaultTolerationSeconds"> = {
  defaultTolerationSeconds: { notReady: DEFAULT_TOLERATION_SECONDS, unreachable: DEFAULT_TOLERATION_SECONDS },
};

/**
 * The objects with admission done on pods and pod templates, by the PriorityClasses among them. A class that is not
 * there is a problem. DaemonSets keep their tolerations: their controller adds unlimited ones to each pod, before
 * which admission has nothing to add.
 */
export function admitObjects(
  objects: readonly KubernetesObject[],
  options: AdmissionOptions,
  problems: Problems,
): KubernetesObject[] {
  const classes = new PriorityClasses(objects);
  return objects.map((object) => {
    const admit = (spec: PodSpec, path: string): PodSpec => {
      const withPriority = classes.admit(
        spec,
        `${object.kind} ${object.metadata.namespace}/${object.metadata.name}: ${path}`,
        options.file,
        problems,
      );
      return object.kind === "DaemonSet" ? withPriority : withDefaultTolerations(withPriority, options);
    };
    if (object.kind === "Pod") return { ...object, spec: admit(object.spec, "spec") };
    if (!("template" in object)) return object;
    return {
      ...object,
      template: { ...object.template, spec: admit(object.template.spec, "spec.template.spec") },
    };
  });
}

/** The Priority admission plugin (plugin/pkg/admission/priority). */
export class PriorityClasses {
  readonly #classes = new Map<string, Pick<PriorityClass, "value" | "preemptionPolicy">>();
  #default: PriorityClass | undefined;

  constructor(objects: Iterable<KubernetesObject>) {
    for (const [name, value] of SYSTEM_PRIORITY_CLASSES) {
      this.#classes.set(name, { value, preemptionPolicy: "PreemptLowerPriority" });
    }
    for (const object of objects) {
      if (object.kind !== "PriorityClass") continue;
      this.#classes.set(object.metadata.name, object);
      // Of several global defaults the lowest counts.
      const lower = this.#default === undefined || object.value < this.#default.value;
      if (object.globalDefault && lower) this.#default = object;
    }
  }

  /** The spec with priority and preemption policy resolved. A priority given without a class is kept. */
  admit(spec: PodSpec, path: string, file: string, problems: Problems): PodSpec {
    const name = spec.priorityClassName;
    if (name === undefined) {
      if (spec.priority !== undefined) return spec;
      const chosen = this.#default;
      if (chosen === undefined) return { ...spec, priority: 0 };
      return { ...spec, ...resolved(chosen, spec), priorityClassName: chosen.metadata.name };
    }
    const found = this.#classes.get(name);
    if (found === undefined) {
      const suggestion = closestOf(name, this.#classes.keys());
      problems.add({
        file,
        path: `${path}.priorityClassName`,
        value: name,
        message: "expected the name of a PriorityClass",
        ...(suggestion === undefined ? {} : { suggestion }),
        severity: "error",
      });
      return { ...spec, priority: spec.priority ?? 0 };
    }
    if (spec.priority !== undefined && spec.priority !== found.value) {
      const message = `expected no priority, or ${found.value} as its class ${name} says`;
      problems.add({ file, path: `${path}.priority`, value: spec.priority, message, severity: "error" });
    }
    return { ...spec, ...resolved(found, spec) };
  }
}

function resolved(
  found: Pick<PriorityClass, "value" | "preemptionPolicy">,
  spec: PodSpec,
): Pick<PodSpec, "priority" | "preemptionPolicy"> {
  const never = found.preemptionPolicy === "Never" || spec.preemptionPolicy === "Never";
  return { priority: found.value, preemptionPolicy: never ? "Never" : "PreemptLowerPriority" };
}

/** Adds the tolerations unless the pod has its own for the taint (plugin/pkg/admission/defaulttolerationseconds). */
export function withDefaultTolerations(
  spec: PodSpec,
  { defaultTolerationSeconds: seconds }: Pick<AdmissionOptions, "defaultTolerationSeconds">,
): PodSpec {
  if (seconds === undefined) return spec;
  const added: Toleration[] = [];
  if (!tolerates(spec, TAINT_NOT_READY)) added.push(tolerationFor(TAINT_NOT_READY, seconds.notReady));
  if (!tolerates(spec, TAINT_UNREACHABLE)) added.push(tolerationFor(TAINT_UNREACHABLE, seconds.unreachable));
  return added.length === 0 ? spec : { ...spec, tolerations: [...spec.tolerations, ...added] };
}

function tolerates(spec: PodSpec, taint: string): boolean {
  return spec.tolerations.some(
    ({ key, effect }) => (key === taint || key === "") && (effect === NO_EXECUTE || effect === ""),
  );
}

function tolerationFor(key: string, tolerationSeconds: number): Toleration {
  return { key, operator: "Exists", value: "", effect: NO_EXECUTE, tolerationSeconds };
}
