/** One process in its group (etcd 3.5: etcdserver/server.go): start, publishing, snapshots, membership as it is applied. */
import { describe, expect, it } from "vitest";
import type { EtcdModel } from "../../src/etcd/model.js";
import type { Happening } from "../../src/etcd/world-types.js";
import { constant, Lab, MS, modelOf, S } from "./groups.js";

/** Snapshots every 50 entries, 10 kept behind them. */
const SOON: Partial<EtcdModel> = { snapshotCount: 50, snapshotCatchUpEntries: 10 };

function writes(lab: Lab, count: number, from = 0): void {
  for (let k = 0; k < count; k++) lab.put(lab.leader, `k${from + k}`);
}

function equalStores(lab: Lab): boolean {
  const up = lab.group.members.filter(({ store }) => store !== undefined);
  return new Set(up.map(({ store }) => store?.digest())).size === 1;
}

/** Indexes of the snapshots that were sent. */
function sentSnapshots(model: EtcdModel): { lab: Lab; sent: number[]; happened: [number, Happening][] } {
  const sent: number[] = [];
  const happened: [number, Happening][] = [];
  const lab = new Lab(model, "snapshots", {
    sent: (_, message) => {
      if (message.type === "InstallSnapshot") sent.push(message.snapshot.index);
    },
    happened: (member, what) => happened.push([member, what]),
  }).settle();
  return { lab, sent, happened };
}

describe("Start of a process", () => {
  it("It answers nobody before it has published itself, and then all who waited.", () => {
    const lab = new Lab(modelOf(3)).settle();
    const [leader, follower] = [lab.leader, lab.follower()];
    const other = lab.follower(1);
    for (const member of [leader, other]) lab.group.kill(member);
    lab.group.kill(follower);
    lab.group.startMember(follower);
    lab.run(200 * MS);
    const early = lab.send(follower, { type: "range", key: "k", serializable: true });
    lab.run(3 * S);
    expect(early.result).toBeUndefined();
    expect(lab.group.member(follower).isReady).toBe(false);
    lab.group.startMember(other);
    lab.until("it is ready", () => lab.group.member(follower).isReady);
    lab.run(10 * MS);
    expect(early.answered.outcome.type).toBe("range");
  });

  it("With two peers connected the election timer is two ticks from its end: a restarted group elects fast.", () => {
    const lab = new Lab(modelOf(3)).settle();
    for (let m = 0; m < 3; m++) lab.group.kill(m);
    lab.run(S);
    const from = lab.world.now;
    for (let m = 0; m < 3; m++) lab.group.startMember(m);
    lab.until("somebody leads", () => lab.group.leader() !== undefined);
    // Boot 50 ms, peers found within 200 ms, 8 of E..2E-1 ticks passed: at most 12 are left.
    expect(lab.world.now - from).toBeLessThanOrEqual(1.45 * S);
  });

  it("A single peer is not enough for that.", () => {
    const advanced: number[] = [];
    const lab = new Lab(modelOf(3), "a", {
      happened: (member, what) => what === "timerAdvanced" && advanced.push(member),
    }).settle();
    expect(advanced.sort()).toEqual([0, 1, 2]);
    for (let m = 0; m < 3; m++) lab.group.kill(m);
    advanced.length = 0;
    for (let m = 0; m < 2; m++) lab.group.startMember(m);
    lab.until("both are ready", () => lab.group.member(0).isReady && lab.group.member(1).isReady);
    lab.run(6 * S);
    expect(advanced).toEqual([]);
  });

  it("The state that a restarted process begins with is what it knew to be committed, before any leader says more.", () => {
    const lab = new Lab(modelOf(3)).settle();
    writes(lab, 5);
    lab.run(S);
    const follower = lab.follower();
    const before = lab.group.member(follower).appliedIndex;
    for (let m = 0; m < 3; m++) lab.group.kill(m);
    lab.group.startMember(follower);
    lab.run(60 * MS);
    expect(lab.group.member(follower).appliedIndex).toBe(before);
    expect(lab.group.member(follower).store?.revision).toBe(6);
  });
});

describe("Snapshots", () => {
  it("One is taken when more than the count was applied; the log keeps the entries to catch up with.", () => {
    const { lab, happened } = sentSnapshots(modelOf(3, SOON));
    writes(lab, 60);
    expect(
      happened
        .filter(([, what]) => what === "snapshotTaken")
        .map(([member]) => member)
        .sort(),
    ).toEqual([0, 1, 2]);
    const { log, snapshot } = lab.group.member(lab.leader).server?.loop.node ?? {};
    expect(snapshot?.index).toBe(51);
    expect(log?.firstIndex).toBe(51 - 10 + 1);
  });

  it("A follower behind by less than is kept is fed from the log.", () => {
    const { lab, sent } = sentSnapshots(modelOf(3, SOON));
    const follower = lab.follower();
    writes(lab, 45);
    lab.group.kill(follower);
    writes(lab, 8, 45);
    lab.group.startMember(follower);
    lab.until("it has all", () => lab.group.member(follower).isReady && equalStores(lab));
    expect(sent).toEqual([]);
  });

  it("One far behind gets a snapshot of what is applied then, not of when the log was cut, and goes on from it.", () => {
    const { lab, sent, happened } = sentSnapshots(modelOf(3, SOON));
    const follower = lab.follower();
    lab.group.kill(follower);
    writes(lab, 130);
    const applied = lab.group.member(lab.leader).appliedIndex;
    expect(lab.group.member(lab.leader).server?.loop.node.snapshot?.index).toBeLessThan(applied);
    lab.group.startMember(follower);
    lab.until("it has all", () => lab.group.member(follower).isReady && equalStores(lab));
    expect(sent).toEqual([applied]);
    expect(happened).toContainEqual([follower, "snapshotInstalled"]);
    lab.run(S);
    writes(lab, 5, 130);
    lab.run(S);
    expect(equalStores(lab)).toBe(true);
    // And it is the beginning of its own log after the next crash.
    lab.group.powerOff(follower);
    lab.group.powerOn(follower);
    lab.group.startMember(follower);
    lab.until("it is back", () => lab.group.member(follower).isReady && equalStores(lab));
    expect(lab.group.member(follower).store?.revision).toBe(136);
  });

  it("While one is on its way, and for 30 s after, the log is not compacted.", () => {
    const { lab, sent } = sentSnapshots(modelOf(3, SOON));
    const follower = lab.follower();
    const firstIndex = (): number => lab.group.member(lab.leader).server?.loop.node.log.firstIndex ?? 0;
    lab.group.kill(follower);
    writes(lab, 130);
    lab.group.startMember(follower);
    lab.until("it is ready", () => lab.group.member(follower).isReady);
    expect(sent.length).toBe(1);
    const before = firstIndex();
    writes(lab, 120, 130);
    expect(firstIndex()).toBe(before);
    lab.run(31 * S);
    writes(lab, 60, 250);
    expect(firstIndex()).toBeGreaterThan(before);
  });

  it("The peer is removed while its snapshot is on its way: compaction goes on.", () => {
    const model = modelOf(3, { ...SOON, strictReconfigCheck: false });
    const { lab, sent } = sentSnapshots(model);
    const follower = lab.follower();
    const leader = lab.leader;
    const firstIndex = (): number => lab.group.member(leader).server?.loop.node.log.firstIndex ?? 0;
    lab.group.kill(follower);
    writes(lab, 130);
    lab.group.startMember(follower);
    lab.until("a snapshot is on its way", () => sent.length > 0);
    lab.cut(leader, follower);
    lab.ask(leader, { type: "memberRemove", member: follower });
    const before = firstIndex();
    writes(lab, 120, 130);
    expect(firstIndex()).toBeGreaterThan(before);
  });

  it("A process killed at any moment of taking in a snapshot comes back with the old state or the new.", () => {
    const model = modelOf(3, SOON);
    for (let ms = 0; ms < 24; ms += 2) {
      const { lab, sent } = sentSnapshots({ ...model, costs: { ...model.costs, fsyncUs: constant(8 * MS) } });
      const follower = lab.follower();
      lab.group.kill(follower);
      writes(lab, 65);
      lab.group.startMember(follower);
      lab.until("a snapshot is on its way", () => sent.length > 0);
      lab.run(ms * MS);
      if (ms % 4 === 0) lab.group.kill(follower);
      else {
        lab.group.powerOff(follower);
        lab.group.powerOn(follower);
      }
      lab.group.startMember(follower);
      lab.until("it has all", () => lab.group.member(follower).isReady && equalStores(lab));
    }
  });

  it("Applying takes time, and what it leads to is applied in its turn.", () => {
    const model = modelOf(3, SOON);
    const lab = new Lab({ ...model, costs: { ...model.costs, applyUs: 300 } }).settle();
    const waiting = Array.from({ length: 80 }, (_, k) =>
      lab.send(k % 3, { type: "put", key: `k${k}`, value: "v" }),
    );
    lab.until("all are answered", () => waiting.every(({ result }) => result !== undefined));
    lab.run(S);
    expect(lab.group.member(0).store?.revision).toBe(81);
    expect(equalStores(lab)).toBe(true);
  });
});

describe("Membership", () => {
  it("A member that joins starts empty, as a learner, catches up, and is promoted.", () => {
    const lab = new Lab(modelOf(3, SOON, [{ joinsLater: true }])).settle();
    writes(lab, 130);
    lab.run(6 * S);
    const leader = lab.leader;
    const added = lab.ask(leader, { type: "memberAdd", member: 3, isLearner: true }).outcome;
    expect(added).toMatchObject({ members: [{}, {}, {}, { member: 3, isLearner: true, isStarted: false }] });
    expect(lab.ask(leader, { type: "memberPromote", member: 3 }).outcome).toMatchObject({
      message: "etcdserver: can only promote a learner member which is in sync with leader",
    });
    lab.group.startMember(3);
    lab.until("it is ready", () => lab.group.member(3).isReady);
    expect(equalStores(lab)).toBe(true);
    // Asked for at a follower, the leader decides.
    const follower = lab.follower();
    const promoted = lab.ask(follower, { type: "memberPromote", member: 3 }).outcome;
    expect(promoted).toMatchObject({
      members: [{}, {}, {}, { member: 3, isLearner: false, isStarted: true }],
    });
    expect(lab.put(3, "k").outcome.type).toBe("put");
  });

  it("A second learner is one too many; who is in it cannot be added, who is not cannot be removed.", () => {
    const lab = new Lab(modelOf(3, {}, [{ joinsLater: true }, { joinsLater: true }])).settle();
    lab.run(6 * S);
    const { leader } = lab;
    lab.ask(leader, { type: "memberAdd", member: 3, isLearner: true });
    const message = (request: Parameters<Lab["ask"]>[1]): unknown => {
      const { outcome } = lab.ask(leader, request);
      return outcome.type === "error" ? outcome.message : outcome.type;
    };
    expect(message({ type: "memberAdd", member: 4, isLearner: true })).toBe(
      "etcdserver: too many learner members in cluster",
    );
    expect(message({ type: "memberAdd", member: 0, isLearner: true })).toBe(
      "etcdserver: member ID already exist",
    );
    expect(message({ type: "memberRemove", member: 4 })).toBe("etcdserver: member not found");
    expect(message({ type: "memberPromote", member: 0 })).toBe(
      "etcdserver: can only promote a learner member",
    );
  });

  it("The strict check: no fourth voter of which a quorum has not started, none while a voter is not connected for 5 s.", () => {
    const lab = new Lab(modelOf(3, {}, [{ joinsLater: true }, { joinsLater: true }])).settle();
    const { leader } = lab;
    const add = (member: number): unknown => {
      const { outcome } = lab.ask(leader, { type: "memberAdd", member, isLearner: false });
      return outcome.type === "error" ? outcome.message : outcome.type;
    };
    expect(add(3)).toBe("etcdserver: unhealthy cluster");
    lab.run(6 * S);
    expect(add(3)).toBe("members");
    // Of five with the next, three have started, but of those four that are there only three are connected: quorum of five.
    expect(add(4)).toBe("members");
    const { outcome } = lab.ask(leader, { type: "memberRemove", member: lab.follower() });
    expect(outcome).toMatchObject({
      message: "etcdserver: re-configuration failed due to not enough started members",
    });
    // Who is down and not started may go.
    expect(lab.ask(leader, { type: "memberRemove", member: 4 }).outcome.type).toBe("members");
  });

  it("A removed member stops a second later, and at each start again.", () => {
    const lab = new Lab(modelOf(3)).settle();
    lab.run(6 * S);
    const [leader, follower] = [lab.leader, lab.follower()];
    expect(lab.ask(leader, { type: "memberRemove", member: follower }).outcome.type).toBe("members");
    lab.run(900 * MS);
    expect(lab.group.member(follower).isUp).toBe(true);
    lab.run(200 * MS);
    expect(lab.group.member(follower).isUp).toBe(false);
    expect(lab.put(leader, "k").outcome.type).toBe("put");
    lab.group.startMember(follower);
    lab.run(3 * S);
    expect(lab.group.member(follower).isUp).toBe(false);
  });

  it("A removed leader leads on for that second, then another is elected.", () => {
    const lab = new Lab(modelOf(3)).settle();
    lab.run(6 * S);
    const { leader } = lab;
    lab.ask(leader, { type: "memberRemove", member: leader });
    lab.until("another leads", () => lab.group.leader() !== undefined && lab.leader !== leader, 10 * S);
    expect(lab.group.member(leader).isUp).toBe(false);
    expect(lab.put(lab.leader, "k").outcome.type).toBe("put");
  });

  it("A member whose disk was lost is removed, added under its number, and starts empty.", () => {
    const lab = new Lab(modelOf(3)).settle();
    writes(lab, 10);
    lab.run(6 * S);
    const [leader, follower] = [lab.leader, lab.follower()];
    lab.group.kill(follower);
    lab.run(100 * MS);
    lab.ask(leader, { type: "memberRemove", member: follower });
    lab.run(6 * S);
    expect(lab.ask(leader, { type: "memberAdd", member: follower, isLearner: true }).outcome.type).toBe(
      "members",
    );
    lab.group.startMember(follower, { wiped: true });
    lab.until("it is ready", () => lab.group.member(follower).isReady);
    lab.run(3 * S);
    expect(lab.group.member(follower).isUp).toBe(true);
    expect(equalStores(lab)).toBe(true);
    expect(lab.ask(leader, { type: "memberPromote", member: follower }).outcome.type).toBe("members");
  });

  it("A member that starts empty under its old number campaigns for nothing before it has heard of the group.", () => {
    const lab = new Lab({ ...modelOf(3), preVote: false, strictReconfigCheck: false }).settle();
    writes(lab, 5);
    const [leader, follower] = [lab.leader, lab.follower()];
    const { term } = lab.group.member(leader);
    lab.group.kill(follower);
    lab.ask(leader, { type: "memberRemove", member: follower });
    lab.ask(leader, { type: "memberAdd", member: follower, isLearner: false });
    lab.isolate(follower);
    lab.group.startMember(follower, { wiped: true });
    lab.run(10 * S);
    expect(lab.group.member(follower).role).toBe("follower");
    expect(lab.group.member(follower).term).toBe(0);
    lab.rejoin(follower);
    lab.until("it is ready", () => lab.group.member(follower).isReady);
    expect(lab.leader).toBe(leader);
    expect(lab.group.member(follower).term).toBe(term);
    expect(equalStores(lab)).toBe(true);
  });
});
