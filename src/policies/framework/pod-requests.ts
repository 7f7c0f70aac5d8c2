/**
 * What a pod asks for (k8s.io/component-helpers/resource.PodRequests): exact sums and maxima over containers, init
 * steps and sidecars, pod-level amounts, overhead. Amounts are in nano-units until they are rounded up at the end.
 */
import type { Container, PodSpec } from "../../api/objects.js";
import { fromMilli, fromWhole, milliValue, type Quantity, wholeValue } from "../../units/quantity.js";

/** Amounts by resource name. */
export type Requests = ReadonlyMap<string, Quantity>;

/** What scoring assumes of a container without a request (schedutil.DefaultMilliCPURequest: 0.1 core). */
const DEFAULT_CPU = fromMilli(100);
/** schedutil.DefaultMemoryRequest: 200 MB, there 200 * 1024 * 1024. */
const DEFAULT_MEMORY = fromWhole(200 * 1024 * 1024);

const NO_DEFAULTS: Requests = new Map();
const BOTH_DEFAULTS: Requests = new Map([
  ["cpu", DEFAULT_CPU],
  ["memory", DEFAULT_MEMORY],
]);

/** The three readings of one pod's requests. */
export interface PodRequests {
  /** What must fit. */
  readonly effective: Requests;
  /** What a *bound* pod counts for in scores: containers without cpu or memory count the defaults. */
  readonly nonZero: Requests;
  /** What an *incoming* pod counts for in NodeResourcesFit's score: the same, pod-level amounts ignored. */
  readonly score: Requests;
}

export function podRequestsOf(spec: PodSpec): PodRequests {
  const effective = total(spec, NO_DEFAULTS, true);
  const defaults = nonZeroDefaults(spec, effective);
  return {
    effective,
    nonZero: defaults.size === 0 ? effective : total(spec, defaults, true),
    score: total(spec, BOTH_DEFAULTS, false),
  };
}

/** cpu in whole milli, everything else in whole units, rounded up. */
export function roundedAmount(requests: Requests, name: string): number {
  const quantity = requests.get(name);
  if (quantity === undefined) return 0;
  return name === "cpu" ? milliValue(quantity) : wholeValue(quantity);
}

/** With pod-level requests the defaults stand in only for what the pod's total does not name at all. */
function nonZeroDefaults(spec: PodSpec, effective: Requests): Requests {
  if (!hasPodLevelRequests(spec)) return BOTH_DEFAULTS;
  const defaults = new Map<string, Quantity>();
  for (const [name, amount] of BOTH_DEFAULTS) if (!effective.has(name)) defaults.set(name, amount);
  return defaults;
}

function total(spec: PodSpec, defaults: Requests, podLevel: boolean): Requests {
  const requests = aggregate(spec, defaults);
  if (podLevel && hasPodLevelRequests(spec)) {
    for (const [name, amount] of Object.entries(spec.resources?.requests ?? {})) {
      if (isPodLevelResource(name)) requests.set(name, amount);
    }
  }
  addAll(requests, Object.entries(spec.overhead));
  return requests;
}

/** Containers and sidecars together, or the greatest init step where that is more. */
function aggregate(spec: PodSpec, defaults: Requests): Map<string, Quantity> {
  const requests = new Map<string, Quantity>();
  for (const container of spec.containers) addAll(requests, requestsOf(container, defaults));
  const sidecars = new Map<string, Quantity>();
  const greatestStep = new Map<string, Quantity>();
  for (const container of spec.initContainers) {
    const own = requestsOf(container, defaults);
    const step = new Map(sidecars);
    addAll(step, own);
    if (container.restartPolicy === "Always") {
      addAll(requests, own);
      addAll(sidecars, own);
    }
    keepGreatest(greatestStep, step);
  }
  keepGreatest(requests, greatestStep);
  return requests;
}

function requestsOf(container: Container, defaults: Requests): Iterable<readonly [string, Quantity]> {
  const requests = new Map(defaults);
  for (const [name, amount] of Object.entries(container.resources.requests)) requests.set(name, amount);
  return requests;
}

function hasPodLevelRequests(spec: PodSpec): boolean {
  return Object.keys(spec.resources?.requests ?? {}).some(isPodLevelResource);
}

/** resource.IsSupportedPodLevelResource. */
function isPodLevelResource(name: string): boolean {
  return name === "cpu" || name === "memory" || name.startsWith("hugepages-");
}

function addAll(to: Map<string, Quantity>, amounts: Iterable<readonly [string, Quantity]>): void {
  for (const [name, amount] of amounts) to.set(name, (to.get(name) ?? 0n) + amount);
}

function keepGreatest(of: Map<string, Quantity>, amounts: Iterable<readonly [string, Quantity]>): void {
  for (const [name, amount] of amounts) {
    const known = of.get(name);
    if (known === undefined || amount > known) of.set(name, amount);
  }
}
