/** Where people and their tools talk to the API. */
import type { ClusterCore } from "./core.js";

/** The first lit centre whose clients have an API server, in order of the API servers; -1: none. */
export function firstCentreWithApi({ model, network, api }: ClusterCore): number {
  if (model.controlPlane.mode === "ideal") return 0;
  for (const { centre } of model.controlPlane.apiServers.instances) {
    if (network.centreLit(centre) && api.attached(centre) >= 0) return centre;
  }
  return -1;
}
