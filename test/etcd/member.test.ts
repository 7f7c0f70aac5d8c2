/** Members with their disks: deaths, power failures, forced new groups, backups. Facts: reference etcd.md §2 and §3. */
import { describe, expect, it } from "vitest";
import { constant, Lab, MS, modelOf, S } from "./groups.js";

const KEY_COUNT = 12;

function keysAt(lab: Lab, member: number): number {
  const outcome = lab.group.member(member).store?.range({ type: "range", key: "k", rangeEnd: "l" });
  if (outcome?.type !== "range") throw new Error("no keys");
  return outcome.count;
}

describe("A member's process dies and comes back", () => {
  it("With its group: a restarted follower is ready again, and has what was written meanwhile.", () => {
    const lab = new Lab(modelOf(3)).settle();
    const follower = lab.follower();
    lab.put(lab.leader, "k1");
    lab.group.kill(follower);
    expect(lab.group.member(follower).isUp).toBe(false);
    lab.put(lab.leader, "k2");
    lab.group.startMember(follower);
    lab.until("it is ready", () => lab.group.member(follower).isReady);
    expect(keysAt(lab, follower)).toBe(2);
    expect(lab.group.member(follower).store?.digest()).toBe(lab.group.member(lab.leader).store?.digest());
  });

  it("A killed process' commit index is that of the last write that needed an fsync, not of the last hard state.", () => {
    const lab = new Lab(modelOf(3)).settle();
    lab.put(lab.leader, "k1");
    lab.run(50 * MS);
    const follower = lab.follower();
    const before = lab.group.member(follower).commitIndex;
    const [last] = lab.group.member(follower).image.entries.slice(-1);
    expect(last?.index).toBe(before);
    expect(lab.group.member(follower).image.hardState.commitIndex).toBe(before - 1);
  });

  it("What the database had flushed counts as committed all the same.", () => {
    const lab = new Lab(modelOf(3)).settle();
    lab.put(lab.leader, "k1");
    lab.run(S);
    const follower = lab.follower();
    const before = lab.group.member(follower).commitIndex;
    lab.group.kill(follower);
    expect(lab.group.member(follower).commitIndex).toBe(before);
    expect(lab.group.member(follower).appliedIndex).toBe(before);
  });

  it("A state made anew from the log knows who was removed.", () => {
    const lab = new Lab(modelOf(3)).settle();
    lab.run(6 * S);
    const [leader, removed, other] = [lab.leader, lab.follower(0), lab.follower(1)];
    lab.group.kill(removed);
    lab.run(10 * MS);
    expect(lab.ask(leader, { type: "memberRemove", member: removed }).outcome.type).toBe("members");
    for (let k = 0; k < 3; k++) lab.put(leader, `k${k}`);
    const applied = lab.group.member(other).appliedIndex;
    lab.group.kill(other);
    // Its disk does not know of the last commits.
    expect(lab.group.member(other).appliedIndex).toBeLessThan(applied);
    lab.isolate(other);
    lab.group.startMember(other);
    lab.run(60 * MS);
    expect([...(lab.group.member(other).store?.published ?? [])].sort()).toEqual([leader, other].sort());
  });

  it("All members lose power at once and come back: what was acknowledged is there.", () => {
    const lab = new Lab(modelOf(3)).settle();
    for (let k = 0; k < KEY_COUNT; k++) lab.put(k % 3, `k${k}`);
    for (let m = 0; m < 3; m++) lab.group.powerOff(m);
    lab.run(S);
    for (let m = 0; m < 3; m++) {
      lab.group.powerOn(m);
      lab.group.startMember(m);
    }
    lab.settle();
    const { outcome } = lab.ask(0, { type: "range", key: "k", rangeEnd: "l" });
    expect(outcome).toMatchObject({ type: "range", count: KEY_COUNT });
  });

  it("Power fails while a follower saves: of the write under way a few entries may be there, in order, and it goes on from them.", () => {
    const model = modelOf(3);
    const slow = { ...model, costs: { ...model.costs, fsyncUs: constant(20 * MS) } };
    for (let seed = 0; seed < 6; seed++) {
      const lab = new Lab(slow, `torn ${seed}`).settle();
      const follower = lab.follower();
      const writes = Array.from({ length: 8 }, (_, k) =>
        lab.send(lab.leader, { type: "put", key: `k${k}`, value: "v" }),
      );
      lab.run(15 * MS);
      const before = lab.group.member(follower).image.entries.length;
      lab.group.powerOff(follower);
      expect(lab.group.member(follower).image.entries.length).toBeLessThanOrEqual(before);
      lab.until("the others went on", () => writes.every(({ result }) => result !== undefined));
      lab.group.powerOn(follower);
      lab.group.startMember(follower);
      lab.until("it has all", () => lab.group.member(follower).isReady && keysAt(lab, follower) === 8);
    }
  });
});

describe("A group of one", () => {
  it("elects itself one tick after its boot, having counted all but one of E ticks ahead.", () => {
    const lab = new Lab(modelOf(1));
    lab.until("it leads", () => lab.group.leader() === 0);
    // First tick a heartbeat after the boot, which for founders is at most a heartbeat; E + 0..E-1 ticks wanted.
    expect(lab.world.now).toBeLessThanOrEqual(100 * MS + 10 * 100 * MS + 5 * MS);
  });

  it("answers writes after its own fsync, and reads without asking anybody.", () => {
    const lab = new Lab(modelOf(1)).settle();
    lab.put(0, "k");
    expect(lab.put(0, "k").tookUs).toBe(1 * MS + 0.5 * MS + 1 * MS + 0.5 * MS + 1 * MS);
    expect(lab.ask(0, { type: "range", key: "k" }).tookUs).toBe(3 * MS);
  });

  it("never acknowledges what a power failure could take back.", () => {
    const lab = new Lab(modelOf(1)).settle();
    for (let k = 0; k < KEY_COUNT; k++) lab.put(0, `k${k}`);
    lab.group.powerOff(0);
    lab.group.powerOn(0);
    lab.group.startMember(0);
    lab.settle();
    expect(keysAt(lab, 0)).toBe(KEY_COUNT);
  });
});

describe("Quorum lost, --force-new-cluster", () => {
  it("The survivor alone keeps what it knows to be committed and loses what is beyond, and nothing else.", () => {
    const lab = new Lab(modelOf(3)).settle();
    const survivor = lab.follower();
    for (let k = 0; k < KEY_COUNT; k++) lab.put(lab.leader, `k${k}`);
    lab.run(S);
    // The last write's entry comes to the survivor, the news of its commit does not.
    const other = lab.follower(0) === survivor ? lab.follower(1) : lab.follower(0);
    const leader = lab.leader;
    const last = lab.send(leader, { type: "put", key: "k-last", value: "v" });
    lab.until(
      "the entry is at the survivor",
      () => lab.group.member(survivor).lastLogIndex > lab.group.member(survivor).commitIndex,
      S,
      100,
    );
    lab.cut(leader, survivor);
    lab.cut(other, survivor);
    lab.until("it is acknowledged", () => last.result !== undefined, S, 100);
    expect(last.answered.outcome.type).toBe("put");
    for (const member of [leader, other]) lab.group.kill(member);
    lab.run(S);
    lab.group.kill(survivor);
    lab.group.startMember(survivor, { forceNewCluster: true });
    lab.until("it is ready", () => lab.group.member(survivor).isReady);
    expect(keysAt(lab, survivor)).toBe(KEY_COUNT);
    const { outcome } = lab.ask(survivor, { type: "memberList" });
    expect(outcome).toEqual({
      type: "members",
      members: [{ member: survivor, isLearner: false, isStarted: true }],
    });
    expect(lab.put(survivor, "k-new").outcome.type).toBe("put");
  });

  it("It waits a whole election timeout: the removals are not in force when it looks whether it is alone.", () => {
    const lab = new Lab(modelOf(3)).settle();
    lab.put(lab.leader, "k1");
    for (let m = 0; m < 3; m++) lab.group.kill(m);
    lab.run(100 * MS);
    const from = lab.world.now;
    lab.group.startMember(0, { forceNewCluster: true });
    lab.until("it leads", () => lab.group.leader() === 0);
    expect(lab.world.now - from).toBeGreaterThanOrEqual(50 * MS + 10 * 100 * MS);
    expect(lab.world.now - from).toBeLessThanOrEqual(50 * MS + 20 * 100 * MS);
  });

  it("New members can join it: first a learner, then a voter; two of two after that.", () => {
    const lab = new Lab(modelOf(3)).settle();
    lab.put(lab.leader, "k1");
    lab.run(S);
    for (let m = 0; m < 3; m++) lab.group.kill(m);
    lab.group.startMember(0, { forceNewCluster: true });
    lab.until("it is ready", () => lab.group.member(0).isReady);
    expect(lab.ask(0, { type: "memberAdd", member: 1, isLearner: true }).outcome.type).toBe("members");
    lab.group.startMember(1, { wiped: true });
    lab.until("the learner has it all", () => lab.group.member(1).isReady && keysAt(lab, 1) === 1);
    expect(lab.ask(0, { type: "memberPromote", member: 1 }).outcome.type).toBe("members");
    lab.run(S);
    expect(lab.group.member(1).isReady).toBe(true);
    lab.group.kill(1);
    const stuck = lab.send(0, { type: "put", key: "k2", value: "v" });
    lab.run(3 * S);
    expect(stuck.result).toBeUndefined();
  });
});

describe("Backups", () => {
  it("The database file is as old as the backend's last commit: at most 100 ms.", () => {
    const lab = new Lab(modelOf(1)).settle();
    const acknowledged: { key: string; atUs: number }[] = [];
    for (let k = 0; k < 60; k++) {
      lab.put(0, `k${k}`);
      acknowledged.push({ key: `k${k}`, atUs: lab.world.now });
    }
    const backup = lab.group.databaseFile(0);
    const lost = acknowledged.length - (backup.revision - 1);
    expect(lost).toBeGreaterThan(0);
    for (const { atUs } of acknowledged.slice(0, acknowledged.length - lost - 1))
      expect(atUs).toBeLessThan(lab.world.now);
    const [oldest] = acknowledged.slice(acknowledged.length - lost);
    expect(lab.world.now - (oldest?.atUs ?? 0)).toBeLessThanOrEqual(100 * MS);
  });

  it("A restored group begins with the backup's keys and revision, and with nothing that came after it.", () => {
    const lab = new Lab(modelOf(3)).settle();
    for (let k = 0; k < KEY_COUNT; k++) lab.put(0, `k${k}`);
    lab.run(S);
    const backup = lab.group.databaseFile(1);
    expect(backup.revision).toBe(KEY_COUNT + 1);
    lab.put(0, "k-after");
    for (let m = 0; m < 3; m++) lab.group.kill(m);
    for (let m = 0; m < 3; m++) lab.group.startMember(m, { restore: { backup, members: [0, 1, 2] } });
    lab.settle();
    const { outcome, response } = lab.ask(2, { type: "range", key: "k", rangeEnd: "l" });
    expect(outcome).toMatchObject({ count: KEY_COUNT });
    expect(response.header.revision).toBe(KEY_COUNT + 1);
    lab.put(2, "k-new");
    expect(lab.group.member(0).store?.revision).toBe(KEY_COUNT + 2);
  });

  it("A backup restored to one member is a group of one.", () => {
    const lab = new Lab(modelOf(3)).settle();
    lab.put(0, "k1");
    lab.run(S);
    const backup = lab.group.databaseFile(1);
    for (let m = 0; m < 3; m++) lab.group.kill(m);
    lab.group.startMember(2, { restore: { backup, members: [2] } });
    lab.until("it is ready", () => lab.group.member(2).isReady, 2 * S);
    expect(lab.put(2, "k2").outcome.type).toBe("put");
  });
});
