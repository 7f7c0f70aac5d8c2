/**
 * The TTL controller (pkg/controller/ttl): annotates each new Node with how long kubelets may cache Secrets. Nobody
 * here reads it, but its write comes between the node lifecycle controller's read of a new Node and its patch, which
 * is then tried again: most new nodes lose their not-ready taint only 0.1 to 0.3 s after they appear (measured).
 */
import type { ApiClient, ClusterCore, Controller } from "../core.js";
import type { Change } from "../store.js";

export class NodeTtlController implements Controller {
  readonly name = "ttl-controller";
  readonly #client: ApiClient;
  #centre = -1;

  constructor(core: ClusterCore) {
    const { clientQps, clientBurst } = core.model.controlPlane.controllerManager;
    this.#client = core.api.client(this.name, () => this.#centre, clientQps, clientBurst);
  }

  start(centre: number): void {
    this.#centre = centre;
  }

  stop(): void {
    this.#centre = -1;
    this.#client.reset();
  }

  onChange(change: Change): void {
    if (change.type === "nodeAdded") this.#client.submit({ type: "touchNode", node: change.node });
  }
}
