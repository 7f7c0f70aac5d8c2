/** Whole groups in the cases that were measured (reference etcd.md §2, "What was surprising"), and runs as such. */
import { describe, expect, it } from "vitest";
import { RunDigest } from "../../src/engine/digest.js";
import type { EtcdModel } from "../../src/etcd/model.js";
import type { EtcdObserver } from "../../src/etcd/world-types.js";
import { Lab, MS, modelOf, S, type Waiting } from "./groups.js";

interface Change {
  readonly atUs: number;
  readonly member: number;
  readonly what: string;
}

/** A settled group that notes roles taken and leaders heard of. */
function noted(model: EtcdModel, seed: string): { lab: Lab; changes: Change[] } {
  const changes: Change[] = [];
  const note = (member: number, what: string): void => {
    changes.push({ atUs: lab.world.now, member, what });
  };
  const observer: EtcdObserver = {
    role: (member, role) => note(member, role),
    leader: (member, leader) => note(member, `leader ${leader}`),
  };
  const lab: Lab = new Lab(model, seed, observer);
  lab.settle();
  changes.length = 0;
  return { lab, changes };
}

const SEEDS = Array.from({ length: 8 }, (_, k) => `group ${k}`);

describe("A leader dies", () => {
  it.each(
    SEEDS,
  )("The first pre-candidate comes E to 2E-1 ticks after the last heartbeat, and leads two round trips and two fsyncs later (%s).", (seed) => {
    const { lab, changes } = noted(modelOf(3), seed);
    lab.run(S + 37 * MS);
    const from = lab.world.now;
    const dead = lab.leader;
    lab.group.kill(dead);
    lab.until("another leads", () => lab.group.leader() !== undefined);
    const first = changes.find(({ what }) => what === "pre-candidate");
    const elected = changes.find(({ what }) => what === "leader");
    const afterUs = (first?.atUs ?? 0) - from;
    // Less than a tick since the last heartbeat, which had one way to go, and a tick's phase.
    expect(afterUs).toBeGreaterThan((10 - 2) * 100 * MS);
    expect(afterUs).toBeLessThanOrEqual(19 * 100 * MS + 2 * MS);
    if (changes.filter(({ what }) => what === "pre-candidate").length === 1)
      expect((elected?.atUs ?? 0) - (first?.atUs ?? 0)).toBe((2 + 1 + 2 + 1) * MS);
  });

  it("What was acknowledged before is there after.", () => {
    for (const seed of SEEDS.slice(0, 4)) {
      const { lab } = noted(modelOf(5), seed);
      const acknowledged: string[] = [];
      for (let k = 0; k < 20; k++) {
        lab.put(k % 5, `k${k}`);
        acknowledged.push(`k${k}`);
      }
      lab.group.kill(lab.leader);
      lab.until("another leads", () => lab.group.leader() !== undefined);
      lab.run(S);
      const { outcome } = lab.ask(lab.leader, { type: "range", key: "k", rangeEnd: "l" });
      expect(outcome.type === "range" && outcome.count).toBe(acknowledged.length);
    }
  });
});

describe("A leader is cut off", () => {
  it.each(
    SEEDS,
  )("It steps down after E to 2E ticks, without a higher term, and believes in nobody (%s).", (seed) => {
    const { lab, changes } = noted(modelOf(3), seed);
    lab.run(S + 37 * MS);
    const from = lab.world.now;
    const old = lab.leader;
    const { term } = lab.group.member(old);
    lab.isolate(old);
    lab.until("it steps down", () => lab.group.member(old).role !== "leader", 5 * S);
    const afterUs = lab.world.now - from;
    expect(afterUs).toBeGreaterThan(9 * 100 * MS);
    expect(afterUs).toBeLessThanOrEqual(21 * 100 * MS);
    expect(lab.group.member(old).term).toBe(term);
    expect(lab.group.member(old).leader).toBeUndefined();
    expect(changes.some(({ member, what }) => member === old && what === "follower")).toBe(true);
  });

  it("With pre-vote no leader changes when it comes back, and its term has not grown; its writes go on then.", () => {
    for (const seed of SEEDS) {
      const { lab, changes } = noted(modelOf(3), seed);
      const old = lab.leader;
      lab.isolate(old);
      lab.run(4 * S);
      const leader = lab.leader;
      const { term } = lab.group.member(leader);
      expect(leader).not.toBe(old);
      changes.length = 0;
      lab.rejoin(old);
      lab.until("it follows", () => lab.group.member(old).leader === leader, 10 * S);
      lab.run(5 * S);
      expect(changes.filter(({ what }) => what === "leader")).toEqual([]);
      expect(lab.leader).toBe(leader);
      expect(lab.group.member(old).term).toBe(term);
      expect(lab.put(old, "k").outcome.type).toBe("put");
    }
  });

  it("Without pre-vote it comes back with a higher term, and the group has to elect again.", () => {
    for (const seed of SEEDS) {
      const { lab, changes } = noted({ ...modelOf(3), preVote: false }, seed);
      const old = lab.leader;
      lab.isolate(old);
      const { term } = lab.group.member(old);
      lab.until("its term has grown", () => lab.group.member(old).term > term + 3, 20 * S);
      changes.length = 0;
      lab.rejoin(old);
      lab.run(15 * S);
      expect(changes.some(({ what }) => what === "leader")).toBe(true);
      expect(lab.group.member(lab.leader).term).toBeGreaterThan(term + 3);
    }
  });

  it("For up to a second two members call themselves leader; only one can commit.", () => {
    let both = 0;
    for (const seed of SEEDS) {
      const { lab } = noted(modelOf(3), seed);
      const old = lab.leader;
      lab.put(old, "k");
      lab.isolate(old);
      const write = lab.send(old, { type: "put", key: "in-vain", value: "v" });
      lab.until("another leads", () =>
        lab.group.members.some(({ number, role }) => number !== old && role === "leader"),
      );
      if (lab.group.member(old).role === "leader") both++;
      lab.run(3 * S);
      expect(write.result).toBeUndefined();
      expect(lab.ask(lab.leader, { type: "range", key: "in-vain" }).outcome).toMatchObject({ count: 0 });
    }
    expect(both).toBeGreaterThan(0);
  });
});

describe("Founders' tick phases", () => {
  it("Started together they tick within 13 ms of each other; drawn, anywhere in a tick.", () => {
    const phases = (tickPhase: "together" | "drawn"): number => {
      let widest = 0;
      for (const seed of SEEDS) {
        const lab = new Lab({ ...modelOf(3), tickPhase }, seed);
        const begun = new Map<number, number>();
        lab.until("all are there", () => {
          for (const { number, server } of lab.group.members)
            if (server !== undefined && !begun.has(number)) begun.set(number, lab.world.now);
          return begun.size === 3;
        });
        widest = Math.max(widest, Math.max(...begun.values()) - Math.min(...begun.values()));
      }
      return widest;
    };
    expect(phases("together")).toBeLessThanOrEqual(13 * MS);
    expect(phases("drawn")).toBeGreaterThan(30 * MS);
  });

  it("A phase that is given is taken.", () => {
    const model = modelOf(3);
    const members = model.members.map((member, m) => ({ ...member, firstTickOffsetUs: (m + 1) * 7 * MS }));
    const ticks: number[] = [];
    const lab = new Lab({ ...model, members }, "given", {
      sent: (member, { type }) => {
        if (type === "Heartbeat" && ticks.length < 2) ticks.push(lab.world.now % (100 * MS), member);
      },
    }).settle();
    lab.run(S);
    expect(ticks[0]).toBe(((ticks[1] ?? 0) + 1) * 7 * MS);
  });
});

describe("A run is a function of model and seed", () => {
  /** A life with a bit of everything, as one number: when what was answered, and who led. */
  function life(seed: string): string {
    const digest = new RunDigest();
    const model = modelOf(3, { snapshotCount: 40, snapshotCatchUpEntries: 5 }, [{ joinsLater: true }]);
    const drawn = {
      ...model,
      paths: model.paths.map((row) =>
        row.map(() => ({ oneWayUs: { kind: "uniform", min: 200, max: 3000 } as const, loss: 0.001 })),
      ),
      costs: {
        ...model.costs,
        requestUs: { kind: "exponential", mean: MS } as const,
        fsyncUs: { kind: "exponential", mean: 2 * MS } as const,
        bootUs: { kind: "uniform", min: 20 * MS, max: 90 * MS } as const,
      },
    };
    const lab: Lab = new Lab(drawn, seed, {
      role: (member, role, _, term) => {
        digest.add(lab.world.now);
        digest.addText(`${member} ${role} ${term}`);
      },
      applied: (member, index) => {
        digest.add(lab.world.now);
        digest.add(100 * index + member);
      },
    });
    const waiting: Waiting[] = [];
    for (let k = 0; k < 400; k++) {
      lab.world.at(k * 40 * MS + 1, () => {
        const key = `k${k % 9}`;
        const request =
          k % 3 === 0 ? ({ type: "range", key } as const) : ({ type: "put", key, value: `${k}` } as const);
        waiting.push(lab.send(k % 3, request, 2 * S));
      });
    }
    lab.world.at(3 * S, () => lab.group.kill(0));
    lab.world.at(5 * S, () => lab.group.startMember(0));
    lab.world.at(7 * S, () => lab.isolate(1));
    lab.world.at(9 * S, () => lab.rejoin(1));
    lab.world.at(11 * S, () => lab.group.powerOff(2));
    lab.world.at(12 * S, () => lab.group.powerOn(2));
    lab.world.at(12 * S, () => lab.group.startMember(2));
    lab.run(18 * S);
    for (const { endUs, result } of waiting) {
      digest.add(endUs);
      digest.addText(result?.type === "response" ? result.response.outcome.type : (result?.type ?? "none"));
    }
    expect(waiting.filter(({ result }) => result?.type === "response").length).toBeGreaterThan(200);
    return digest.hex();
  }

  it("The same twice gives the same bytes, another seed others.", () => {
    const first = life("one");
    expect(life("one")).toBe(first);
    expect(life("two")).not.toBe(first);
  });
});
