/** kube-controller-manager: its controllers run while one of its processes leads. */
import type { ClusterCore, Controller } from "./core.js";
import type { LeaderCallbacks } from "./leader-election.js";

export class ControllerManager implements LeaderCallbacks {
  readonly #controllers: readonly Controller[];
  #centre = -1;

  constructor(core: ClusterCore, controllers: readonly Controller[]) {
    this.#controllers = controllers;
    core.api.onDispatch((centre, change) => {
      if (centre !== this.#centre) return;
      for (const controller of this.#controllers) controller.onChange(change);
    });
  }

  /** Centre of the process that leads, or -1. */
  get centre(): number {
    return this.#centre;
  }

  onStartedLeading(centre: number): void {
    this.#centre = centre;
    for (const controller of this.#controllers) controller.start(centre);
  }

  onStoppedLeading(centre: number): void {
    // A late word from a process that was overtaken changes nothing for its successor.
    if (this.#centre !== centre) return;
    this.#centre = -1;
    for (const controller of this.#controllers) controller.stop();
  }
}
