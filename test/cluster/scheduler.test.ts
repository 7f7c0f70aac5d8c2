/** The scheduler under an API whose every answer the test gives: what it assumes must follow what really happened. */
import { describe, expect, it } from "vitest";
import type { Api, ClusterCore, RequestOutcome } from "../../src/cluster/core.js";
import { Noise } from "../../src/cluster/core.js";
import { EVENT_NAMES, type EventName } from "../../src/cluster/events.js";
import { applyInitialObjects } from "../../src/cluster/initial-objects.js";
import type { Observer } from "../../src/cluster/observer.js";
import { Scheduler } from "../../src/cluster/scheduler.js";
import { type Change, ClusterStore, type Operation } from "../../src/cluster/store.js";
import { RandomStreams } from "../../src/engine/random.js";
import { type Handlers, Simulation } from "../../src/engine/simulation.js";
import { shelfWith } from "../../src/policies/shelf.js";
import { SECOND } from "../../src/units/time.js";
import { studyOf } from "./scenarios.js";

interface Sent {
  readonly operation: Operation;
  readonly answer: (outcome: RequestOutcome) => void;
}

/** A scheduler that leads over `nodes` nodes of 2 CPUs. Changes reach it when the test says `show()`. */
function schedulerOver(nodes: number) {
  const { model, policies } = studyOf(`
apiVersion: seatrial.dev/v1alpha1
kind: Scenario
metadata: { name: bare }
spec:
  seed: "scheduler"
  horizon: 5m
  topology:
    sites:
      - name: metro
        centres:
          - { name: alpha, nodePools: [{ name: web, count: ${nodes}, allocatable: { cpu: "2", memory: 8Gi, pods: 20 } }] }
`);
  const policy = policies[0];
  if (policy === undefined) throw new Error("a study has a policy");
  const sim = new Simulation<EventName>(EVENT_NAMES);
  const store = new ClusterStore();
  applyInitialObjects(store, model);
  const streams = new RandomStreams("test/0");
  const sent: Sent[] = [];
  let dispatch = (_: Change): void => {};
  const api = {
    client: () => ({
      submit: (operation: Operation, done?: (outcome: RequestOutcome) => void) => {
        sent.push({ operation, answer: (outcome) => done?.(outcome) });
      },
      submitNoop: () => {},
      reset: () => {},
    }),
    onDispatch: (listener: (centre: number, change: Change) => void) => {
      dispatch = (change) => listener(0, change);
    },
  } as unknown as Api;
  const observer = { unschedulable: () => {} } as unknown as Observer;
  const noise = new Noise(streams, () => sim.now);
  const core = { model, sim, streams, store, api, observer, noise } as unknown as ClusterCore;
  const scheduler = new Scheduler(core, policy, shelfWith(), () => []);
  const ignored = Object.fromEntries(EVENT_NAMES.map((name) => [name, () => {}]));
  sim.handle({ ...ignored, ...scheduler.handlers } as unknown as Handlers<EventName>);
  scheduler.onStartedLeading(0);

  let shown = store.revision;
  /** The watch catches up, and the scheduler has time to work. */
  const show = (seconds = 1): void => {
    while (shown < store.revision) dispatch(store.changes[shown++] as Change);
    sim.run(sim.now + seconds * SECOND);
  };
  const create = (name: string, cpu: string, priority = 0) => {
    const { model: withPod } = studyOf(
      `
apiVersion: seatrial.dev/v1alpha1
kind: Scenario
metadata: { name: pod }
spec:
  seed: "pod"
  horizon: 5m
  topology: { sites: [{ name: metro, centres: [{ name: alpha, nodePools: [{ name: web, count: 1, allocatable: { cpu: "2" } }] }] }] }
  workload: { manifests: [pod.yaml] }
`,
      {
        "pod.yaml": `
apiVersion: scheduling.k8s.io/v1
kind: PriorityClass
metadata: { name: some }
value: ${priority}
---
apiVersion: v1
kind: Pod
metadata: { name: ${name} }
spec: { priorityClassName: some, containers: [{ name: c, image: c, resources: { requests: { cpu: ${cpu} } } }] }
`,
      },
    );
    const object = withPod.objects.find((one) => one.kind === "Pod");
    if (object?.kind !== "Pod") throw new Error("there is a pod");
    store.apply(
      {
        type: "createPod",
        pod: {
          namespace: "default",
          name,
          workload: name,
          template: { labels: {}, annotations: {}, spec: object.spec },
          owner: { kind: "None" },
          ordinal: 0,
          incarnation: 0,
          revision: 0,
          onlyNode: -1,
          durationUs: Number.POSITIVE_INFINITY,
        },
      },
      sim.now,
    );
    const pod = store.lastCreated;
    if (pod === undefined) throw new Error("the pod was made");
    return pod;
  };
  /** Takes the next request; it must be a bind, whose node is returned with the means to answer. */
  const nextBind = () => {
    const next = sent.shift();
    if (next?.operation.type !== "bindPod") throw new Error(`a bind, not ${next?.operation.type}`);
    return { node: next.operation.node, pod: next.operation.pod, answer: next.answer };
  };
  return { sim, store, sent, show, create, nextBind };
}

describe("what the scheduler assumes", () => {
  it("follows a bind that it had given up but that landed after all", () => {
    const { store, sim, show, create, nextBind } = schedulerOver(2);
    const pod = create("first", "2");
    show();
    const given = nextBind();
    // The node is closed, so that the second try goes elsewhere.
    const taint = { key: "closed", value: "", effect: "NoSchedule" } as const;
    store.apply({ type: "nodeTaints", node: given.node, add: [taint], remove: [] }, sim.now);
    show();
    given.answer("timeout");
    show(15);
    const again = nextBind();
    expect([again.pod, again.node]).toEqual([pod.id, 1 - given.node]);
    // Now the first bind is committed, late, and the second comes too late.
    expect(store.apply({ type: "bindPod", pod: pod.id, node: given.node }, sim.now)).toBe("ok");
    show();
    again.answer("conflict");
    show();
    // The node of the second try is empty: a pod that needs all of it gets it.
    const third = create("third", "2");
    show();
    const last = nextBind();
    expect([last.pod, last.node]).toEqual([third.id, again.node]);
  });

  it("gives a forgotten pod's room to one that waits for it", () => {
    const { store, sim, sent, show, create, nextBind } = schedulerOver(1);
    const first = create("first", "2");
    show();
    const bind = nextBind();
    const second = create("second", "2");
    show();
    const patch = sent.shift();
    expect(patch?.operation.type).toBe("podUnschedulable");
    patch?.answer("ok");
    show(5);
    expect(sent).toEqual([]);
    // The first pod goes away before its bind arrives: both know it within the back-off, not after five minutes.
    store.apply({ type: "deletePod", pod: first.id, gracePeriodUs: 0 }, sim.now);
    bind.answer("notFound");
    show(12);
    expect(nextBind().pod).toBe(second.id);
  });

  it("neither evicts nor keeps room for a pod that was deleted while it was looked at", () => {
    const { store, sim, show, create, nextBind, sent } = schedulerOver(1);
    const low = create("low", "2");
    show();
    const bind = nextBind();
    store.apply({ type: "bindPod", pod: low.id, node: bind.node }, sim.now);
    bind.answer("ok");
    show();
    const high = create("high", "2", 1000);
    show(0); // the cycle has begun; its cost has not passed
    store.apply({ type: "deletePod", pod: high.id, gracePeriodUs: 0 }, sim.now);
    show();
    expect(sent.map(({ operation }) => operation.type)).toEqual([]);
    // Nothing is nominated: once the low pod ends, another one gets its place.
    store.apply({ type: "deletePod", pod: low.id, gracePeriodUs: 0 }, sim.now);
    show();
    const next = create("next", "2");
    show();
    expect(nextBind().pod).toBe(next.id);
  });
});
