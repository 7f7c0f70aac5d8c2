/** Taints and tolerations (Toleration.ToleratesTaint of k8s.io/api/core/v1). */
import type { Taint, Toleration } from "./objects.js";

/** Does one toleration tolerate the taint? How long (tolerationSeconds) is another question. */
export function toleratesTaint(toleration: Toleration, taint: Taint): boolean {
  if (toleration.effect !== "" && toleration.effect !== taint.effect) return false;
  if (toleration.key !== "" && toleration.key !== taint.key) return false;
  return toleration.operator === "Exists" || toleration.value === taint.value;
}

/** Does any of the tolerations tolerate the taint? */
export function isTolerated(tolerations: readonly Toleration[], taint: Taint): boolean {
  for (const toleration of tolerations) if (toleratesTaint(toleration, taint)) return true;
  return false;
}
