/** What clients of a member get (etcd 3.5: v3_server.go, v3rpc): reads, writes, leases, watches, refusals. 1 ms one way. */
import { describe, expect, it } from "vitest";
import { ETCD_LIMITS } from "../../src/etcd/model.js";
import type { Outcome, WatchResponse } from "../../src/etcd/requests.js";
import { constant, Lab, MS, modelOf, S, type Waiting } from "./groups.js";

const TIMEOUT_US = 7 * S;

function errorOf(outcome: Outcome): string {
  return outcome.type === "error" ? `${outcome.code}: ${outcome.message}` : outcome.type;
}

function outcomeOf(waiting: Waiting): string {
  return waiting.result === undefined ? "none" : errorOf(waiting.answered.outcome);
}

describe("What a request takes, by hand", () => {
  it("A write at the leader: a way to it, half the handling, a round trip to a follower with its fsync, and back.", () => {
    const lab = new Lab(modelOf(3)).settle();
    const leader = lab.leader;
    lab.put(leader, "k");
    expect(lab.put(leader, "k").tookUs).toBe((1 + 0.5 + (1 + 1 + 1) + 0.5 + 1) * MS);
  });

  it("At a follower: to the leader, the same there, and a way for the news of the commit.", () => {
    const lab = new Lab(modelOf(3)).settle();
    const follower = lab.follower();
    lab.put(follower, "k");
    expect(lab.put(follower, "k").tookUs).toBe((1 + 0.5 + 1 + (1 + 1 + 1) + 1 + 0.5 + 1) * MS);
  });

  it("A linearizable read takes the same ways without the fsync, a serializable one none between members.", () => {
    const lab = new Lab(modelOf(3)).settle();
    const [leader, follower] = [lab.leader, lab.follower()];
    for (const member of [leader, follower]) lab.put(member, "k");
    expect(lab.ask(leader, { type: "range", key: "k" }).tookUs).toBe((1 + 0.5 + 2 + 0.5 + 1) * MS);
    expect(lab.ask(follower, { type: "range", key: "k" }).tookUs).toBe((1 + 0.5 + 1 + 2 + 1 + 0.5 + 1) * MS);
    expect(lab.ask(follower, { type: "range", key: "k", serializable: true }).tookUs).toBe(3 * MS);
  });

  it("Writes that come while the disk is busy share its next fsync: ten at once take three, not ten.", () => {
    const model = modelOf(3);
    const lab = new Lab({ ...model, costs: { ...model.costs, fsyncUs: constant(20 * MS) } }).settle();
    const leader = lab.leader;
    lab.put(leader, "k");
    const writes = Array.from({ length: 10 }, (_, k) =>
      lab.send(leader, { type: "put", key: `k${k}`, value: "v" }),
    );
    lab.until("all are answered", () => writes.every(({ result }) => result !== undefined));
    const ends = new Set(writes.map(({ endUs }) => endUs));
    // The first alone; of the others, which leave together, the first alone at a follower.
    expect(ends.size).toBe(3);
  });
});

describe("Linearizable reads", () => {
  it("Those that come while a round is under way are served together by the next.", () => {
    let rounds = 0;
    const lab = new Lab(modelOf(3), "reads", {
      sent: (_, message) => {
        if (message.type === "ReadIndex") rounds++;
      },
    }).settle();
    const follower = lab.follower();
    lab.put(follower, "k");
    rounds = 0;
    const reads = Array.from({ length: 20 }, () => lab.send(follower, { type: "range", key: "k" }));
    lab.until("all are served", () => reads.every(({ result }) => result !== undefined), S, 100);
    expect(rounds).toBe(2);
  });

  it("An isolated leader serves none, and serializable ones all the time, with old data.", () => {
    const lab = new Lab(modelOf(3)).settle();
    const old = lab.leader;
    lab.put(old, "k", "before");
    lab.isolate(old);
    const read = lab.send(old, { type: "range", key: "k" });
    lab.until("another leads", () => lab.leader !== old);
    lab.put(lab.leader, "k", "after");
    const stale = lab.ask(old, { type: "range", key: "k", serializable: true });
    expect(stale.outcome).toMatchObject({ type: "range", kvs: [{ value: "before" }] });
    lab.run(8 * S);
    expect(outcomeOf(read)).toBe("Unavailable: etcdserver: request timed out");
    expect(read.answered.tookUs).toBeGreaterThanOrEqual(TIMEOUT_US);
    expect(read.answered.tookUs).toBeLessThan(TIMEOUT_US + 10 * MS);
  });

  it("A round under way when another leader is known fails with that; the next is served.", () => {
    const lab = new Lab(modelOf(3)).settle();
    lab.put(lab.leader, "k");
    lab.run(200 * MS);
    const follower = lab.follower();
    lab.put(follower, "k");
    lab.group.kill(lab.leader);
    const read = lab.send(follower, { type: "range", key: "k" });
    lab.until("somebody leads", () => lab.group.leader() !== undefined);
    lab.run(50 * MS);
    expect(outcomeOf(read)).toBe("Unavailable: etcdserver: leader changed");
    expect(lab.ask(follower, { type: "range", key: "k" }).outcome.type).toBe("range");
  });
});

describe("Writes without a leader, and towards a dead one", () => {
  it("Held while no leader is known, they are proposed once there is one.", () => {
    const lab = new Lab(modelOf(3)).settle();
    const follower = lab.follower();
    const leader = lab.leader;
    lab.put(follower, "k");
    lab.group.kill(leader);
    lab.until("nobody is believed in", () => lab.group.member(follower).leader === undefined, 5 * S);
    const write = lab.send(follower, { type: "put", key: "held", value: "v" });
    lab.until("somebody leads", () => lab.group.leader() !== undefined);
    lab.run(50 * MS);
    expect(outcomeOf(write)).toBe("put");
  });

  it("Sent towards a dead leader they are silently lost: not in the log, no word until the request times out.", () => {
    const lab = new Lab(modelOf(3)).settle();
    const [leader, follower] = [lab.leader, lab.follower()];
    lab.put(follower, "k");
    lab.group.kill(leader);
    lab.run(10 * MS);
    const write = lab.send(follower, { type: "put", key: "lost", value: "v" });
    lab.until("somebody leads", () => lab.group.leader() !== undefined);
    lab.run(S);
    expect(outcomeOf(write)).toBe("none");
    expect(lab.put(follower, "other").outcome.type).toBe("put");
    lab.run(TIMEOUT_US);
    expect(errorOf(write.answered.outcome)).toMatch(/^Unavailable: etcdserver: request timed out/);
    expect(write.answered.tookUs).toBeGreaterThanOrEqual(TIMEOUT_US);
    expect(write.answered.tookUs).toBeLessThan(TIMEOUT_US + 10 * MS);
    expect(lab.ask(follower, { type: "range", key: "lost" }).outcome).toMatchObject({ count: 0 });
  });

  it("Held all the time they end after 7 s with their context's deadline, those proposed before with a timeout.", () => {
    const lab = new Lab(modelOf(3)).settle();
    const [leader, follower] = [lab.leader, lab.follower()];
    lab.put(follower, "k");
    for (let m = 0; m < 3; m++) if (m !== follower) lab.group.kill(m);
    expect(leader).not.toBe(follower);
    lab.run(5 * MS);
    const proposed = lab.send(follower, { type: "put", key: "a", value: "v" });
    lab.until("nobody is believed in", () => lab.group.member(follower).leader === undefined, 5 * S);
    const held = lab.send(follower, { type: "put", key: "b", value: "v" });
    lab.run(TIMEOUT_US + 10 * MS);
    expect(outcomeOf(proposed)).toBe("Unavailable: etcdserver: request timed out");
    expect(outcomeOf(held)).toBe("DeadlineExceeded: context deadline exceeded");
    expect(held.answered.tookUs).toBe(TIMEOUT_US + (2 + 1 + 0.5 + 0.5 + 1) * MS);
  });

  it("A leader that lost its followers says so when it gives a write up.", () => {
    const lab = new Lab({ ...modelOf(3), checkQuorum: false }).settle();
    const leader = lab.leader;
    lab.put(leader, "k");
    for (let m = 0; m < 3; m++) if (m !== leader) lab.group.kill(m);
    const write = lab.send(leader, { type: "put", key: "a", value: "v" });
    lab.run(TIMEOUT_US + 10 * MS);
    expect(outcomeOf(write)).toBe(
      "Unavailable: etcdserver: request timed out, possibly due to connection lost",
    );
  });

  it("A new leader puts a write that its predecessor's end swallowed down to that.", () => {
    const lab = new Lab(modelOf(3)).settle();
    const leader = lab.leader;
    for (let m = 0; m < 3; m++) if (m !== leader) lab.put(m, "k");
    lab.group.kill(leader);
    lab.run(10 * MS);
    const writes = new Map(
      lab.group.members
        .filter(({ isUp }) => isUp)
        .map(({ number }) => [number, lab.send(number, { type: "put", key: "x", value: "v" })]),
    );
    lab.until("somebody leads", () => lab.group.leader() !== undefined);
    const winner = lab.leader;
    lab.run(TIMEOUT_US + 10 * MS);
    for (const [member, write] of writes)
      expect(outcomeOf(write)).toBe(
        `Unavailable: etcdserver: request timed out${member === winner ? ", possibly due to previous leader failure" : ""}`,
      );
  });

  it("Who hangs up while its write is held is not proposed any more.", () => {
    const lab = new Lab(modelOf(3)).settle();
    const follower = lab.follower();
    lab.put(follower, "k");
    const others = [0, 1, 2].filter((member) => member !== follower);
    for (const member of others) lab.group.kill(member);
    lab.until("nobody is believed in", () => lab.group.member(follower).leader === undefined, 5 * S);
    lab.send(follower, { type: "put", key: "given-up", value: "v" }, 20 * MS);
    const patient = lab.send(follower, { type: "put", key: "kept", value: "v" });
    lab.run(S);
    for (const member of others) lab.group.startMember(member);
    lab.until("somebody leads", () => lab.group.leader() !== undefined);
    lab.run(S);
    expect(outcomeOf(patient)).toBe("put");
    expect(lab.ask(follower, { type: "range", key: "given-up" }).outcome).toMatchObject({ count: 0 });
  });
});

describe("Leader transfer", () => {
  it("The call returns after one tick, however soon the new leader is there.", () => {
    const lab = new Lab(modelOf(3)).settle();
    const [leader, target] = [lab.leader, lab.follower()];
    lab.put(leader, "k");
    const from = lab.world.now;
    const move = lab.send(leader, { type: "moveLeader", target });
    lab.until("it leads", () => lab.group.member(target).role === "leader", S, 100);
    // Over there, half the handling, the word to campaign, a vote with two fsyncs before it.
    expect(lab.world.now - from).toBeLessThan(10 * MS);
    lab.until("it returns", () => move.result !== undefined);
    expect(move.answered.tookUs).toBe((1 + 0.5 + 100 + 0.5 + 1) * MS);
  });

  it("While it hands over, the leader refuses its own proposals, and says nothing to who forwarded one.", () => {
    const lab = new Lab(modelOf(3)).settle();
    const [leader, target, other] = [lab.leader, lab.follower(0), lab.follower(1)];
    for (const member of [leader, other]) lab.put(member, "k");
    // The target hears nothing: the transfer cannot end before E ticks.
    lab.cut(leader, target);
    const move = lab.send(leader, { type: "moveLeader", target });
    lab.run(10 * MS);
    const own = lab.send(leader, { type: "put", key: "a", value: "v" });
    const forwarded = lab.send(other, { type: "put", key: "b", value: "v" });
    lab.run(100 * MS);
    expect(outcomeOf(own)).toBe("Unknown: raft proposal dropped");
    lab.run(2 * S);
    expect(outcomeOf(forwarded)).toBe("none");
    expect(lab.put(leader, "c").outcome.type).toBe("put");
    lab.run(TIMEOUT_US);
    expect(outcomeOf(move)).toBe("Unavailable: etcdserver: request timed out, leader transfer took too long");
    expect(outcomeOf(forwarded)).toMatch(/request timed out/);
  });

  it("Only the leader takes it, and only for a voter.", () => {
    const lab = new Lab(modelOf(3, {}, [{ isLearner: true }])).settle();
    const [leader, follower] = [lab.leader, lab.follower()];
    expect(errorOf(lab.ask(follower, { type: "moveLeader", target: follower }).outcome)).toBe(
      "FailedPrecondition: etcdserver: not leader",
    );
    expect(errorOf(lab.ask(leader, { type: "moveLeader", target: 3 }).outcome)).toBe(
      "FailedPrecondition: etcdserver: bad leader transferee",
    );
  });
});

describe("Learners at the API", () => {
  it("A learner answers its status and serializable reads, and refuses all else.", () => {
    const lab = new Lab(modelOf(3, {}, [{ isLearner: true }])).settle();
    lab.put(0, "k");
    const refused = "Unavailable: etcdserver: rpc not supported for learner";
    expect(lab.ask(3, { type: "status" }).outcome).toMatchObject({ type: "status", isLearner: true });
    expect(lab.ask(3, { type: "range", key: "k", serializable: true }).outcome).toMatchObject({ count: 1 });
    for (const request of [
      { type: "range", key: "k" },
      { type: "put", key: "k", value: "v" },
      { type: "memberList" },
      { type: "leaseGrant", ttl: 10, id: 7 },
    ] as const)
      expect(errorOf(lab.ask(3, request).outcome)).toBe(refused);
  });
});

describe("Leases", () => {
  it("A lease survives a change of leaders with its full time, and an election timeout besides.", () => {
    const lab = new Lab(modelOf(3)).settle();
    const old = lab.leader;
    const { outcome } = lab.ask(old, { type: "leaseGrant", ttl: 5, id: 7 });
    expect(outcome).toEqual({ type: "lease", id: 7, ttl: 5 });
    lab.ask(old, { type: "put", key: "k", value: "v", lease: 7 });
    lab.run(4 * S);
    const other = lab.follower();
    lab.put(other, "x");
    lab.group.kill(old);
    lab.until("another leads", () => lab.group.leader() !== undefined && lab.leader !== old);
    const from = lab.world.now;
    lab.until("the key is gone", () => lab.group.member(other).store?.get("k") === undefined, 10 * S);
    const livedUs = lab.world.now - from;
    expect(livedUs).toBeGreaterThanOrEqual(6 * S);
    // Looked for every 500 ms, then revoked through the log.
    expect(livedUs).toBeLessThanOrEqual(6.5 * S + 50 * MS);
  });

  it("A keep-alive at a follower goes to the leader and gives the lease its full time; without, it ends with its keys.", () => {
    const lab = new Lab(modelOf(3)).settle();
    const follower = lab.follower();
    lab.ask(lab.leader, { type: "leaseGrant", ttl: 2, id: 7 });
    lab.ask(lab.leader, { type: "put", key: "k", value: "v", lease: 7 });
    for (let s = 0; s < 4; s++) {
      lab.run(S);
      expect(lab.ask(follower, { type: "leaseKeepAlive", id: 7 }).outcome).toEqual({
        type: "lease",
        id: 7,
        ttl: 2,
      });
    }
    expect(lab.ask(follower, { type: "leaseTimeToLive", id: 7 }).outcome).toEqual({
      type: "lease",
      id: 7,
      ttl: 1,
    });
    lab.run(3 * S);
    expect(lab.ask(follower, { type: "range", key: "k" }).outcome).toMatchObject({ count: 0 });
    expect(errorOf(lab.ask(follower, { type: "leaseKeepAlive", id: 7 }).outcome)).toBe(
      "NotFound: etcdserver: requested lease not found",
    );
    expect(lab.ask(lab.leader, { type: "leaseTimeToLive", id: 7 }).outcome).toMatchObject({ ttl: -1 });
  });

  it("A lease without a name is given one.", () => {
    const lab = new Lab(modelOf(1)).settle();
    const ids = [0, 1].map(() => {
      const { outcome } = lab.ask(0, { type: "leaseGrant", ttl: 5, id: 0 });
      return outcome.type === "lease" ? outcome.id : 0;
    });
    expect(new Set([0, ...ids]).size).toBe(3);
  });
});

describe("Space and load", () => {
  it("Over its quota a member raises the alarm, then refuses; deletes go on; without the alarm and with space writes do.", () => {
    const lab = new Lab({ ...modelOf(3), quotaBytes: 200_000 }).settle();
    const leader = lab.leader;
    let refused = 0;
    for (let k = 0; k < 40 && refused === 0; k++) {
      const { outcome } = lab.ask(leader, { type: "put", key: `k${k}`, value: "v", bytes: 10_000 });
      if (outcome.type === "error") refused = k;
    }
    expect(refused).toBeGreaterThan(10);
    const full = "ResourceExhausted: etcdserver: mvcc: database space exceeded";
    expect(errorOf(lab.put(lab.follower(), "small").outcome)).toBe(full);
    const alarms = lab.ask(leader, {
      type: "alarm",
      action: "get",
      alarm: "nospace",
      member: leader,
    }).outcome;
    expect(alarms.type === "alarm" && alarms.members.includes(leader)).toBe(true);
    expect(lab.ask(leader, { type: "deleteRange", key: "k", rangeEnd: "l" }).outcome.type).toBe(
      "deleteRange",
    );
    const { response } = lab.ask(leader, { type: "range", key: "k" });
    expect(lab.ask(leader, { type: "compact", revision: response.header.revision }).outcome.type).toBe(
      "compact",
    );
    for (let m = 0; m < 3; m++) expect(lab.ask(m, { type: "defragment" }).outcome.type).toBe("defragmented");
    expect(errorOf(lab.put(leader, "small").outcome)).toBe(full);
    for (let m = 0; m < 3; m++)
      lab.ask(leader, { type: "alarm", action: "deactivate", alarm: "nospace", member: m });
    expect(lab.put(leader, "small").outcome.type).toBe("put");
  });

  it("More committed than applied by the limit: too many requests, and none when it has caught up.", () => {
    const model = modelOf(1, { applyGapMax: 5 });
    const lab = new Lab({ ...model, costs: { ...model.costs, applyUs: 20 * MS } }).settle();
    const writes: Waiting[] = [];
    for (let k = 0; k < 60; k++) {
      writes.push(lab.send(0, { type: "put", key: `k${k}`, value: "v" }));
      lab.run(2 * MS);
    }
    lab.until("all are answered", () => writes.every(({ result }) => result !== undefined));
    const outcomes = writes.map(outcomeOf);
    expect(outcomes).toContain("ResourceExhausted: etcdserver: too many requests");
    const written = outcomes.filter((outcome) => outcome === "put").length;
    expect(written).toBeGreaterThan(5);
    expect(lab.group.member(0).store?.revision).toBe(written + 1);
    expect(lab.put(0, "later").outcome.type).toBe("put");
    expect(ETCD_LIMITS.applyGapMax).toBe(5000);
  });

  it("A request larger than 1.5 MiB is refused before it is proposed.", () => {
    const lab = new Lab(modelOf(1)).settle();
    const { outcome } = lab.ask(0, { type: "put", key: "k", value: "v", bytes: 1.5 * 1024 * 1024 });
    expect(errorOf(outcome)).toBe("InvalidArgument: etcdserver: request is too large");
  });
});

describe("Watches", () => {
  it("Every change comes once and in order, those from before the watch first, whoever was written to.", () => {
    const lab = new Lab(modelOf(3)).settle();
    const follower = lab.follower();
    for (let k = 0; k < 3; k++) lab.put(lab.leader, "k", `${k}`);
    const seen: string[] = [];
    lab.client.watch(lab.group.hostOf(follower), { type: "watch", key: "k", startRevision: 2 }, S, {
      created: () => seen.push("created"),
      events: ({ events }: WatchResponse) => seen.push(...events.map(({ kv }) => kv.value)),
      ended: () => seen.push("ended"),
    });
    lab.run(300 * MS);
    for (let k = 3; k < 6; k++) lab.put(lab.leader, "k", `${k}`);
    lab.run(300 * MS);
    expect(seen).toEqual(["created", "0", "1", "2", "3", "4", "5"]);
  });

  it("A watch ends with the process that it was made at.", () => {
    const lab = new Lab(modelOf(3)).settle();
    const follower = lab.follower();
    let ended = "";
    lab.client.watch(lab.group.hostOf(follower), { type: "watch", key: "k", startRevision: 0 }, S, {
      events: () => undefined,
      ended: (end) => {
        ended = end.type;
      },
    });
    lab.run(100 * MS);
    lab.group.kill(follower);
    lab.run(100 * MS);
    expect(ended).toBe("connection");
  });
});
