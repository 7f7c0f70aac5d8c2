/**
 * What a failure's target is made of. Whoever strikes and whoever reckons up the damage ask here, so that what counts
 * as struck is what was struck.
 */
import type { Topology } from "../topology/topology.js";
import type { ControlPlaneModel, FailureTarget, Model } from "./model.js";

/** Centres that the target is or takes in whole. */
export function centresOf({ centres }: Topology, target: FailureTarget): number[] {
  if (target.kind === "centre") return [target.centre];
  if (target.kind !== "site") return [];
  return centres.filter((centre) => centre.site === target.site).map((centre) => centre.id);
}

/** Nodes that the target is or takes in. */
export function nodesOf(topology: Topology, target: FailureTarget): number[] {
  const centres = centresOf(topology, target);
  return topology.nodes
    .filter(
      (node) =>
        centres.includes(node.centre) ||
        (target.kind === "node" && node.id === target.node) ||
        (target.kind === "rack" && node.rack === target.rack),
    )
    .map((node) => node.id);
}

/** The control plane's processes in a centre, each as a target. */
export function processesIn(controlPlane: ControlPlaneModel, centre: number): FailureTarget[] {
  const { etcd, apiServers, controllerManager, scheduler } = controlPlane;
  const targets: FailureTarget[] = [];
  etcd.members.forEach((member, id) => {
    if (member.centre === centre) targets.push({ kind: "etcdMember", member: id });
  });
  apiServers.instances.forEach((instance, id) => {
    if (instance.centre === centre) targets.push({ kind: "apiServer", instance: id });
  });
  if (controllerManager.instances.includes(centre)) targets.push({ kind: "controllerManager", centre });
  if (scheduler.instances.includes(centre)) targets.push({ kind: "scheduler", centre });
  return targets;
}

/** Centres whose control plane processes the target may take. */
export function controlCentresOf(model: Model, target: FailureTarget): number[] {
  const { etcd, apiServers } = model.controlPlane;
  switch (target.kind) {
    case "centre":
    case "controllerManager":
    case "scheduler":
      return [target.centre];
    case "site":
      return centresOf(model.topology, target);
    case "etcdMember":
      return [etcd.members[target.member]?.centre ?? -1];
    case "apiServer":
      return [apiServers.instances[target.instance]?.centre ?? -1];
    case "link":
      return [target.from];
    default:
      return [];
  }
}

/** A target in the author's words, e.g. `centre/production`. */
export function nameOf(model: Model, target: FailureTarget): string {
  const { topology, controlPlane } = model;
  switch (target.kind) {
    case "node":
      return `node/${topology.nodes[target.node]?.name}`;
    case "rack":
      return `rack/${topology.racks[target.rack]?.name}`;
    case "centre":
      return `centre/${topology.centres[target.centre]?.name}`;
    case "site":
      return `site/${topology.sites[target.site]?.name}`;
    case "link":
      return `link/${topology.centres[target.from]?.name}>${topology.centres[target.to]?.name}`;
    case "etcdMember":
      return `etcd/${controlPlane.etcd.members[target.member]?.name}`;
    case "apiServer":
      return `kube-apiserver/${controlPlane.apiServers.instances[target.instance]?.name}`;
    case "controllerManager":
      return `kube-controller-manager/${topology.centres[target.centre]?.name}`;
    case "scheduler":
      return `kube-scheduler/${topology.centres[target.centre]?.name}`;
  }
}
