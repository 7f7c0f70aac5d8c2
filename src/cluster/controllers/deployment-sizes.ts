/**
 * A Deployment's arithmetic (pkg/controller/deployment/util): how many pods each of its ReplicaSets should have. Pure;
 * sizes in, sizes out.
 */
import type { DeploymentRecord, ReplicaSetRecord } from "../store.js";
import { resolve } from "./pods.js";

/** A new size for a ReplicaSet. */
export interface Resize {
  readonly replicaSet: ReplicaSetRecord;
  readonly replicas: number;
}

/** maxSurge is rounded up, maxUnavailable down, and not both are 0 (ResolveFenceposts). */
function rollingLimits(deployment: DeploymentRecord): { surge: number; unavailable: number } {
  return rollingLimitsFor(deployment, deployment.replicas);
}

function rollingLimitsFor(
  deployment: DeploymentRecord,
  replicas: number,
): { surge: number; unavailable: number } {
  if (deployment.recreate || replicas === 0) return { surge: 0, unavailable: 0 };
  const surge = resolve(deployment.maxSurge, replicas, "up");
  const rounded = resolve(deployment.maxUnavailable, replicas, "down");
  const unavailable = surge === 0 && rounded === 0 ? 1 : rounded;
  return { surge, unavailable: Math.min(unavailable, replicas) };
}

export function totalReplicas(replicaSets: readonly ReplicaSetRecord[]): number {
  return replicaSets.reduce((sum, { replicas }) => sum + replicas, 0);
}

export function totalAvailable(replicaSets: readonly ReplicaSetRecord[]): number {
  return replicaSets.reduce((sum, { status }) => sum + status.availableReplicas, 0);
}

/** Size of the new ReplicaSet, from `current` replicas among `all` pods wanted now (NewRSNewReplicas). */
export function newReplicaSetSize(deployment: DeploymentRecord, current: number, all: number): number {
  if (deployment.recreate) return deployment.replicas;
  const room = deployment.replicas + rollingLimits(deployment).surge - all;
  return room <= 0 ? current : current + Math.min(room, deployment.replicas - current);
}

/**
 * How old ReplicaSets shrink in a rolling update (reconcileOldReplicaSets): unhealthy pods first, then as many as the
 * available ones allow. "stale": their status is older than their spec, so the sync is to be repeated.
 */
export function shrinkOld(
  deployment: DeploymentRecord,
  newest: ReplicaSetRecord,
  allOld: readonly ReplicaSetRecord[],
): Resize[] | "stale" {
  // One that was emptied may still report pods of before; they do not count.
  const old = allOld.filter(({ replicas }) => replicas > 0);
  const minAvailable = deployment.replicas - rollingLimits(deployment).unavailable;
  const newUnavailable = newest.replicas - newest.status.availableReplicas;
  const shrinkMax = totalReplicas(old) + newest.replicas - minAvailable - newUnavailable;
  if (old.length === 0 || shrinkMax <= 0) return [];
  const sizes = new Map(old.map((replicaSet) => [replicaSet, replicaSet.replicas]));
  let cleaned = 0;
  for (const replicaSet of old) {
    const unhealthy = replicaSet.replicas - replicaSet.status.availableReplicas;
    if (cleaned >= shrinkMax) break;
    if (unhealthy === 0) continue;
    const count = Math.min(shrinkMax - cleaned, unhealthy);
    if (count < 0) return "stale";
    sizes.set(replicaSet, replicaSet.replicas - count);
    cleaned += count;
  }
  let surplus = totalAvailable([...old, newest]) - minAvailable;
  for (const replicaSet of old) {
    if (surplus <= 0) break;
    const size = sizes.get(replicaSet) ?? 0;
    const count = Math.min(size, surplus);
    sizes.set(replicaSet, size - count);
    surplus -= count;
  }
  return resizes(sizes);
}

/**
 * New sizes after the Deployment's `replicas` changed in the middle of a roll-out or at rest (sync.go, scale): one
 * active ReplicaSet takes all; a finished roll-out empties the old ones; otherwise each gets its share.
 */
export function scaledSizes(
  deployment: DeploymentRecord,
  newest: ReplicaSetRecord | undefined,
  old: readonly ReplicaSetRecord[],
): Resize[] {
  const all = newest === undefined ? old : [...old, newest];
  const active = all.filter(({ replicas }) => replicas > 0);
  if (active.length <= 1) {
    const only = active[0] ?? newest ?? old.at(-1);
    return only === undefined ? [] : [{ replicaSet: only, replicas: deployment.replicas }];
  }
  if (newest !== undefined && isSaturated(deployment, newest)) {
    return active
      .filter((replicaSet) => replicaSet !== newest)
      .map((replicaSet) => ({ replicaSet, replicas: 0 }));
  }
  return deployment.recreate ? [] : proportionalSizes(deployment, active);
}

function isSaturated(deployment: DeploymentRecord, newest: ReplicaSetRecord): boolean {
  const { replicas } = deployment;
  return (
    newest.replicas === replicas &&
    newest.desiredReplicas === replicas &&
    newest.status.availableReplicas === replicas
  );
}

function proportionalSizes(deployment: DeploymentRecord, active: readonly ReplicaSetRecord[]): Resize[] {
  const allowed = deployment.replicas > 0 ? deployment.replicas + rollingLimits(deployment).surge : 0;
  const toAdd = allowed - totalReplicas(active);
  // The biggest first; among equals the newer grows first and the older shrinks first.
  const ordered = [...active].sort(
    (a, b) => b.replicas - a.replicas || (toAdd > 0 ? b.revision - a.revision : a.revision - b.revision),
  );
  let added = 0;
  const shares = ordered.map((replicaSet) => {
    const fraction = toAdd === added ? 0 : fractionOf(deployment, replicaSet);
    const share = toAdd > 0 ? Math.min(fraction, toAdd - added) : Math.max(fraction, toAdd - added);
    added += share;
    return share;
  });
  return ordered.map((replicaSet, index) => {
    const leftover = index === 0 ? toAdd - added : 0;
    return { replicaSet, replicas: Math.max(0, replicaSet.replicas + (shares[index] ?? 0) + leftover) };
  });
}

function fractionOf(deployment: DeploymentRecord, replicaSet: ReplicaSetRecord): number {
  if (deployment.replicas === 0) return -replicaSet.replicas;
  const before = replicaSet.desiredReplicas < 0 ? deployment.replicas : replicaSet.desiredReplicas;
  const maxBefore = before + rollingLimitsFor(deployment, before).surge;
  const maxNow = deployment.replicas + rollingLimits(deployment).surge;
  return Math.round((replicaSet.replicas * maxNow) / maxBefore) - replicaSet.replicas;
}

function resizes(sizes: ReadonlyMap<ReplicaSetRecord, number>): Resize[] {
  const changed: Resize[] = [];
  for (const [replicaSet, replicas] of sizes) {
    if (replicas !== replicaSet.replicas) changed.push({ replicaSet, replicas });
  }
  return changed;
}
