/** The scheduling queue: its constants one by one, and beside a slow, literal twin under random scripts. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type QueueRules, SchedulingQueue, type WaitingPod } from "../../src/cluster/scheduling-queue.js";
import type { PodRecord } from "../../src/cluster/store.js";
import type { ClusterEvent, PodInfo, QueueEvent } from "../../src/policies/framework/types.js";
import { MILLISECOND, MINUTE, SECOND } from "../../src/units/time.js";

const LIMITS = {
  backoffInitialUs: SECOND,
  backoffMaxUs: 10 * SECOND,
  unschedulableTimeoutUs: 5 * MINUTE,
  popFromBackoff: true,
};

/** Plugin `Fit` hopes for deleted pods, `Taint` for changed taints; pod 13 is never helped by either. */
const HOPES: Readonly<Record<string, ClusterEvent>> = { Fit: "AssignedPodDelete", Taint: "NodeTaintUpdate" };
const HOPELESS = 13;

const RULES: QueueRules = {
  compare: (a, b) =>
    b.pod.shape.priority - a.pod.shape.priority || a.timestampUs - b.timestampUs || a.sequence - b.sequence,
  listens: (_, refusedBy, kind) => [...refusedBy].some((plugin) => HOPES[plugin] === kind),
  mayRequeue: (pod, refusedBy, { kind }) =>
    pod.id !== HOPELESS && [...refusedBy].some((plugin) => HOPES[plugin] === kind),
};

function podOf(id: number, priority = 0): { record: PodRecord; info: PodInfo } {
  return {
    record: { id } as PodRecord,
    info: { id, name: `p${id}`, shape: { priority, schedulerName: "default-scheduler" } } as PodInfo,
  };
}

const DELETED = { kind: "AssignedPodDelete", pod: {} } as QueueEvent;
const RETAINTED = { kind: "NodeTaintUpdate" } as QueueEvent;
const FIT = new Set(["Fit"]);

function queueWith(limits: Partial<typeof LIMITS> = {}) {
  const queue = new SchedulingQueue({ ...LIMITS, ...limits }, RULES);
  const add = (id: number, now: number, priority = 0, gated = false): void => {
    const { record, info } = podOf(id, priority);
    queue.add(record, info, now, gated);
  };
  const popped = (): number => queue.pop()?.record.id ?? -1;
  /** Pops a pod and refuses it. */
  const refuse = (now: number, plugins: ReadonlySet<string> = FIT): WaitingPod => {
    const pod = queue.pop();
    if (pod === undefined) throw new Error("there is a pod to refuse");
    queue.refused(pod, plugins, now);
    return pod;
  };
  return { queue, add, popped, refuse };
}

describe("the queue", () => {
  it("gives the highest priority first, then who came first", () => {
    const { add, popped } = queueWith();
    add(1, 5);
    add(2, 3, 10);
    add(3, 4);
    expect([popped(), popped(), popped(), popped()]).toEqual([2, 3, 1, -1]);
  });

  it("keeps a refused pod until an event that one of its plugins hopes for", () => {
    const { queue, add, popped, refuse } = queueWith();
    add(1, 0);
    refuse(10);
    queue.moveOn(RETAINTED, 20);
    expect([queue.unschedulableCount, popped()]).toEqual([1, -1]);
    queue.moveOn(DELETED, 30);
    expect([queue.unschedulableCount, queue.backoffCount]).toEqual([0, 1]);
  });

  it("asks about the very pod, not only about the kind of event", () => {
    const { queue, add, refuse } = queueWith();
    add(HOPELESS, 0);
    refuse(10);
    queue.moveOn(DELETED, 20);
    expect(queue.unschedulableCount).toBe(1);
  });

  it("replays the events of a cycle when the pod is refused, and those of no earlier cycle", () => {
    const { queue, add } = queueWith();
    add(1, 0);
    add(2, 0);
    const first = queue.pop() as WaitingPod;
    queue.moveOn(DELETED, 5);
    queue.refused(first, FIT, 10);
    expect(first.place).toBe("backoff");
    const second = queue.pop() as WaitingPod;
    queue.refused(second, FIT, 20);
    expect(second.place).toBe("unschedulable");
  });

  it.each([
    [1, 1],
    [2, 2],
    [3, 4],
    [4, 8],
    [5, 10],
    [9, 10],
  ])("backs off after %d refusals for %d s, cut to whole seconds", (refusals, seconds) => {
    const { queue, add, refuse } = queueWith();
    add(1, 0);
    let now = 0;
    for (let n = 1; n < refusals; n++) {
      refuse(now);
      now += MINUTE;
      queue.moveOn(DELETED, now); // its back-off is long over
    }
    now += 300 * MILLISECOND;
    const pod = refuse(now);
    queue.moveOn(DELETED, now);
    expect(pod.place).toBe("backoff");
    expect(pod.backoffUntilUs).toBe(now + seconds * SECOND - 300 * MILLISECOND);
    // The second in which it ends still counts (isPodBackingoff).
    queue.flushBackoff(pod.backoffUntilUs);
    expect(pod.place).toBe("backoff");
    queue.flushBackoff(pod.backoffUntilUs + SECOND);
    expect(pod.place).toBe("active");
  });

  it("takes from back-off while nothing is active, in order of whole seconds, then of priority", () => {
    const { queue, add, popped, refuse } = queueWith();
    add(1, 0);
    add(2, 1);
    add(3, 2, 5);
    for (const now of [100, 900, 1200]) refuse(now * MILLISECOND);
    // Pod 3 was refused first (highest priority), then 1, then 2: ends 1 s, 1 s and 2 s.
    queue.moveOn(DELETED, 1300 * MILLISECOND);
    add(4, 1400 * MILLISECOND);
    expect([popped(), popped(), popped(), popped(), popped()]).toEqual([4, 3, 1, 2, -1]);
  });

  it("does not, where the gate is off: back-off is neither cut nor left early", () => {
    const { queue, add, popped, refuse } = queueWith({ popFromBackoff: false });
    add(1, 0);
    const pod = refuse(300 * MILLISECOND);
    queue.moveOn(DELETED, 400 * MILLISECOND);
    expect(popped()).toBe(-1);
    expect(pod.backoffUntilUs).toBe(1300 * MILLISECOND);
    queue.flushBackoff(SECOND);
    expect(popped()).toBe(-1);
    queue.flushBackoff(2 * SECOND);
    expect(popped()).toBe(1);
  });

  it("counts errors apart from refusals, and lets nobody out of that back-off early", () => {
    const { queue, add, popped, refuse } = queueWith();
    add(1, 0);
    for (let n = 0; n < 3; n++) {
      refuse(n * MINUTE);
      queue.moveOn(DELETED, (n + 1) * MINUTE);
    }
    const pod = queue.pop() as WaitingPod;
    queue.failed(pod, 4 * MINUTE);
    expect([pod.place, pod.backoffUntilUs]).toEqual(["errorBackoff", 4 * MINUTE + SECOND]);
    expect(popped()).toBe(-1);
    queue.flushBackoff(4 * MINUTE + 2 * SECOND);
    expect(popped()).toBe(1);
    // Refused after that, it is at its fourth refusal.
    queue.refused(pod, FIT, 5 * MINUTE);
    expect([pod.errors, pod.backoffUntilUs]).toEqual([0, 5 * MINUTE + 8 * SECOND]);
  });

  it("treats a pod that no plugin refused (there are no nodes) as failed", () => {
    const { add, refuse } = queueWith();
    add(1, 0);
    expect(refuse(0, new Set()).place).toBe("errorBackoff");
  });

  it("moves a pod that was unschedulable for more than five minutes", () => {
    const { queue, add, refuse } = queueWith();
    add(1, 0);
    const pod = refuse(SECOND);
    queue.flushUnschedulable(5 * MINUTE + SECOND);
    expect(pod.place).toBe("unschedulable");
    queue.flushUnschedulable(5 * MINUTE + SECOND + 1);
    expect(pod.place).toBe("active");
  });

  it("keeps gated pods until their gates go, whatever happens, at the place of their arrival", () => {
    const { queue, add, popped } = queueWith();
    add(1, 0, 0, true);
    add(2, 10);
    queue.moveOn(DELETED, 20);
    queue.flushUnschedulable(MINUTE * 10);
    expect([queue.gatedCount, queue.canPop]).toEqual([1, true]);
    queue.ungate(1, podOf(1).info);
    expect([popped(), popped()]).toEqual([1, 2]);
  });

  it("holds a preemptor back while its victims are told", () => {
    const { queue, add, popped } = queueWith();
    add(1, 0);
    const pod = queue.pop() as WaitingPod;
    pod.preempting = true;
    queue.moveOn(DELETED, 1);
    queue.refused(pod, FIT, 2);
    queue.moveOn(DELETED, 3);
    expect([pod.place, popped()]).toEqual(["unschedulable", -1]);
    pod.preempting = false;
    queue.moveOn(DELETED, 4);
    expect(popped()).toBe(1);
  });

  it("forgets a pod wherever it is, and a late word about it changes nothing", () => {
    const { queue, add, popped, refuse } = queueWith();
    add(1, 0);
    const pod = queue.pop() as WaitingPod;
    queue.delete(1);
    queue.refused(pod, FIT, 5);
    queue.failed(pod, 6);
    add(2, 7);
    refuse(8);
    queue.delete(2);
    add(3, 9);
    queue.delete(3);
    expect([queue.activeCount, queue.backoffCount, queue.unschedulableCount, popped()]).toEqual([
      0, 0, 0, -1,
    ]);
  });
});

/** One step of a random life; times between steps in ms. */
type Step =
  | { readonly do: "add"; readonly id: number; readonly priority: number; readonly gated: boolean }
  | { readonly do: "pop" }
  | { readonly do: "refuse"; readonly plugin: string; readonly preempting: boolean }
  | { readonly do: "fail" }
  | { readonly do: "event"; readonly event: QueueEvent }
  | { readonly do: "flush" }
  | { readonly do: "lookThrough" }
  | { readonly do: "delete" | "ungate" | "told"; readonly id: number };

const id = fc.integer({ min: 10, max: 16 });
const plugin = fc.constantFrom("Fit", "Fit", "Taint", "Taint", "");
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant("add" as const),
      id,
      priority: fc.nat(1),
      gated: fc.nat(4).map((one) => one === 0),
    }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant("pop" as const) }) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant("refuse" as const),
      plugin,
      preempting: fc.nat(5).map((one) => one === 0),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("fail" as const) }) },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant("event" as const), event: fc.constantFrom(DELETED, RETAINTED) }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant("flush" as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("lookThrough" as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom("delete", "ungate", "told"), id }) },
);

/** A pod as the twin remembers it: every fact in plain words. */
interface Twin {
  readonly id: number;
  readonly priority: number;
  readonly order: number;
  place: string;
  since: number;
  refusals: number;
  errors: number;
  refusedBy: string;
  preempting: boolean;
}

/** The same rules with lists that are searched and sorted each time. */
class SlowQueue {
  pods: Twin[] = [];
  inFlight: Twin | undefined;
  #events: QueueEvent[] = [];
  #orders = 0;

  add(id: number, priority: number, gated: boolean, now: number): void {
    if (this.pods.some((pod) => pod.id === id)) return;
    this.pods.push({
      id,
      priority,
      order: this.#orders++,
      place: gated ? "gated" : "active",
      since: now,
      refusals: 0,
      errors: 0,
      refusedBy: "",
      preempting: false,
    });
  }

  pop(): Twin | undefined {
    const active = this.pods.filter(({ place }) => place === "active").sort(byPriority);
    const backoff = this.pods
      .filter(({ place }) => place === "backoff")
      .sort((a, b) => endOf(a) - endOf(b) || byPriority(a, b));
    const pod = active[0] ?? backoff[0];
    if (pod === undefined) return undefined;
    pod.place = "inFlight";
    this.#events = [];
    return pod;
  }

  refuse(pod: Twin, plugin: string, now: number): void {
    if (plugin === "") {
      this.fail(pod, now);
      return;
    }
    pod.refusals++;
    pod.errors = 0;
    pod.refusedBy = plugin;
    pod.since = now;
    pod.place = "unschedulable";
    if (this.#events.some((event) => helps(pod, event))) this.#move(pod, now);
  }

  fail(pod: Twin, now: number): void {
    pod.errors++;
    pod.refusedBy = "";
    pod.since = now;
    pod.place = "unschedulable";
    this.#move(pod, now);
  }

  event(event: QueueEvent, now: number): void {
    this.#events.push(event);
    for (const pod of this.pods) if (pod.place === "unschedulable" && helps(pod, event)) this.#move(pod, now);
  }

  flush(now: number): void {
    for (const pod of this.pods) {
      if (pod.place.endsWith("ackoff") && endOf(pod) < wholeSecond(now)) pod.place = "active";
    }
  }

  lookThrough(now: number): void {
    for (const pod of this.pods) {
      if (pod.place === "unschedulable" && now - pod.since > 5 * MINUTE) this.#move(pod, now);
    }
  }

  #move(pod: Twin, now: number): void {
    if (pod.preempting) return;
    if (endOf(pod) < wholeSecond(now)) pod.place = "active";
    else pod.place = pod.refusedBy === "" ? "errorBackoff" : "backoff";
  }
}

function helps(pod: Twin, event: QueueEvent): boolean {
  return pod.id !== HOPELESS && HOPES[pod.refusedBy] === event.kind;
}

function wholeSecond(at: number): number {
  return Math.floor(at / SECOND) * SECOND;
}

function endOf({ errors, refusals, since }: Twin): number {
  const failures = errors > 0 ? errors : refusals;
  let seconds = 1;
  for (let n = 1; n < failures; n++) seconds = Math.min(10, 2 * seconds);
  return wholeSecond(since + seconds * SECOND);
}

function byPriority(a: Twin, b: Twin): number {
  return b.priority - a.priority || a.since - b.since || a.order - b.order;
}

describe("the queue and its slow twin", () => {
  it("agree on where every pod is, after every step of a random script", () => {
    const timed = fc.tuple(fc.constantFrom(0, 0, 1, 150, 700, 1000, 2000, 200_000), step);
    fc.assert(
      fc.property(fc.array(timed, { maxLength: 120 }), (script) => {
        const queue = new SchedulingQueue(LIMITS, RULES);
        const slow = new SlowQueue();
        let inFlight: WaitingPod | undefined;
        let now = 0;
        for (const [waitMs, action] of script) {
          now += waitMs * MILLISECOND;
          inFlight = play(queue, slow, inFlight, action, now);
          const places = slow.pods.map((pod) => [pod.id, pod.place]);
          expect(slow.pods.map((pod) => [pod.id, queue.find(pod.id)?.place])).toEqual(places);
          const count = (place: string): number => slow.pods.filter((pod) => pod.place === place).length;
          expect([queue.activeCount, queue.backoffCount, queue.unschedulableCount, queue.gatedCount]).toEqual(
            [
              count("active"),
              count("backoff") + count("errorBackoff"),
              count("unschedulable"),
              count("gated"),
            ],
          );
        }
      }),
      { numRuns: 600, seed: 20 },
    );
  });
});

/** One step for both; returns the pod in flight afterwards. */
function play(
  queue: SchedulingQueue,
  slow: SlowQueue,
  inFlight: WaitingPod | undefined,
  action: Step,
  now: number,
): WaitingPod | undefined {
  const twin = slow.pods.find((pod) => pod.id === inFlight?.record.id && pod.place === "inFlight");
  switch (action.do) {
    case "add": {
      const { record, info } = podOf(action.id, action.priority);
      queue.add(record, info, now, action.gated);
      slow.add(action.id, action.priority, action.gated, now);
      return inFlight;
    }
    case "pop": {
      if (inFlight !== undefined) return inFlight;
      const popped = queue.pop();
      expect(popped?.record.id).toBe(slow.pop()?.id);
      return popped;
    }
    case "refuse":
      if (inFlight === undefined) return undefined;
      inFlight.preempting = action.preempting;
      if (twin !== undefined) twin.preempting = action.preempting;
      queue.refused(inFlight, action.plugin === "" ? new Set() : new Set([action.plugin]), now);
      if (twin !== undefined) slow.refuse(twin, action.plugin, now);
      return undefined;
    case "fail":
      if (inFlight === undefined) return undefined;
      queue.failed(inFlight, now);
      if (twin !== undefined) slow.fail(twin, now);
      return undefined;
    case "event":
      queue.moveOn(action.event, now);
      slow.event(action.event, now);
      return inFlight;
    case "flush":
      queue.flushBackoff(now);
      slow.flush(now);
      return inFlight;
    case "lookThrough":
      queue.flushUnschedulable(now);
      slow.lookThrough(now);
      return inFlight;
    case "delete":
      queue.delete(action.id);
      slow.pods = slow.pods.filter((pod) => pod.id !== action.id);
      return inFlight;
    case "ungate": {
      const gated = slow.pods.find((pod) => pod.id === action.id && pod.place === "gated");
      queue.ungate(action.id, podOf(action.id, gated?.priority).info);
      if (gated !== undefined) gated.place = "active";
      return inFlight;
    }
    case "told": {
      const waiting = queue.find(action.id);
      const pod = slow.pods.find((one) => one.id === action.id);
      if (waiting !== undefined && pod !== undefined) {
        waiting.preempting = false;
        pod.preempting = false;
      }
      return inFlight;
    }
  }
}
