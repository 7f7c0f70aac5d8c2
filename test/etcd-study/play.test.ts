/** Each metric on a group so simple that its value can be worked out by hand. */
import { describe, expect, it } from "vitest";
import { isCensored, metric, play, STILL } from "./support.js";

const WRITERS = "  clients: [{ name: w, pause: 50ms, failover: false }]\n";

describe("a group that nothing happens to", () => {
  const run = play(`${STILL}${WRITERS}`);

  it("elects once, before the warm-up ends, and is never without a leader or without service", () => {
    expect(run.elections.map(({ cause, before }) => [cause, before])).toEqual([["first", null]]);
    for (const name of ["elections", "falseElections", "leaderChanges", "campaigns", "terms", "leaderless"]) {
      expect(metric(run, name), name).toBe(0);
    }
    expect(metric(run, "writeOutage", "clients")).toBe(0);
    for (const client of ["w-a", "w-b", "w-c"]) expect(metric(run, "answered", `client/${client}`)).toBe(1);
  });

  it("answers a client of the leader after 1 ms of handling, two fsyncs' worth and a round trip, others a round trip later", () => {
    const leader = run.elections[0]?.leader ?? "";
    for (const client of ["a", "b", "c"]) {
      const median = metric(run, "latencyP50", `client/w-${client}`) ?? 0;
      // 0.2 to the member and back, 1 handling, 20 to a follower and back with its fsync of 1; a follower's client 20 more.
      const expected = leader === `${client}-0` ? 22.2 : 42.2;
      expect(Math.abs(median - expected), `w-${client} ${median}`).toBeLessThan(1);
    }
  });

  it("is the same run again, and another one in another replication", () => {
    expect(play(`${STILL}${WRITERS}`)).toEqual(run);
    expect(play(`${STILL}${WRITERS}`, 1).digest).not.toBe(run.digest);
  });
});

describe("a leader that is killed", () => {
  const run = play(`${STILL}${WRITERS}  events:
    - { name: lead, kind: moveLeader, scope: { member: a-0 }, at: 5s }
    - { name: crash, kind: kill, scope: { leader: true }, at: 20s, for: 10s }
`);
  const crash = run.occurrences.find(({ event }) => event === "crash");

  it("is replaced because it had to be, one to two election timeouts later", () => {
    const last = run.elections.at(-1);
    expect(last).toMatchObject({ cause: "needed", before: "a-0" });
    const tookS = ((last?.atUs ?? 0) - 20_000_000) / 1e6;
    expect(tookS).toBeGreaterThan(0.8);
    expect(tookS).toBeLessThan(2.2);
    expect(metric(run, "leaderless")).toBeCloseTo(tookS, 6);
    expect(last?.leaderlessUs).toBe(crash?.leaderUs);
    expect([metric(run, "elections"), metric(run, "falseElections"), metric(run, "leaderChanges")]).toEqual([
      1, 0, 1,
    ]);
  });

  it("counts a hand-over that was asked for as one", () => {
    const handed = run.elections.filter(({ atUs }) => atUs > 4_000_000 && atUs < 10_000_000);
    // Where a-0 led from the beginning nothing had to be moved.
    expect(handed.every(({ cause, leader }) => cause === "transfer" && leader === "a-0")).toBe(true);
    expect(run.occurrences[0]).toMatchObject({ event: "lead", refusal: "" });
  });

  it("takes service from its own clients until it is back, and from the others until the next leader's first write", () => {
    expect(crash).toMatchObject({ target: "a-0", atUs: 20_000_000, endedUs: 30_000_000 });
    const own = metric(run, "outage", "client/w-a") ?? 0;
    expect(own).toBeGreaterThan(10);
    expect(own).toBeLessThan(11);
    const toWrite = metric(run, "timeToWrite", "event/crash") ?? 0;
    expect(toWrite).toBeGreaterThan((crash?.leaderUs ?? 0) / 1e6);
    // From the last write before to the first after: up to 50 ms of rest and one write longer.
    const outage = metric(run, "writeOutage", "clients") ?? 0;
    expect(outage - toWrite).toBeGreaterThan(-0.05);
    expect(outage - toWrite).toBeLessThan(0.15);
    expect(metric(run, "writeOutageLongest", "clients")).toBe(outage);
  });
});

describe("a quorum that is lost for good", () => {
  const run = play(`${STILL}${WRITERS}  events:
    - { name: dark, kind: powerOff, scope: { members: [a-0, b-0] }, at: 25s }
`);

  it("leaves figures that are lower bounds, and says so", () => {
    expect(metric(run, "leaderless")).toBe(15);
    expect(isCensored(run, "writeOutageLongest", "clients")).toBe(true);
    expect(metric(run, "timeToWrite", "event/dark")).toBe(15);
    expect(isCensored(run, "timeToWrite", "event/dark")).toBe(true);
    expect(isCensored(run, "timeToLeader", "event/dark")).toBe(true);
    expect(metric(run, "lostWrites", "clients")).toBeUndefined();
  });
});

describe("an election that nobody needed", () => {
  const run = play(`${STILL}${WRITERS}  etcd: { preVote: false }
  events:
    - { name: lead, kind: moveLeader, scope: { member: a-0 }, at: 5s }
    - { name: away, kind: isolate, scope: { member: c-0 }, at: 20s, for: 8s }
`);

  it("is told from one that somebody did: an outsider comes back with a higher term and deposes a living leader", () => {
    const after = run.elections.filter(({ atUs }) => atUs > 20_000_000);
    expect(after.length).toBeGreaterThan(0);
    expect(after.every(({ cause }) => cause === "unnecessary")).toBe(true);
    expect(metric(run, "falseElections")).toBe(after.length);
    expect(metric(run, "campaigns")).toBeGreaterThan(after.length);
  });

  it("does not happen with pre-vote", () => {
    const calm = play(`${STILL}${WRITERS}  events:
    - { name: lead, kind: moveLeader, scope: { member: a-0 }, at: 5s }
    - { name: away, kind: isolate, scope: { member: c-0 }, at: 20s, for: 8s }
`);
    expect([metric(calm, "elections"), metric(calm, "falseElections")]).toEqual([0, 0]);
  });
});

describe("reads", () => {
  const READERS = `  clients:
    - { name: w, centre: a, asks: a-0, pause: 100ms, failover: false }
    - { name: lin, centre: c, op: linearizableRead, asks: c-0, pause: 100ms, failover: false }
    - { name: ser, centre: c, op: serializableRead, asks: c-0, pause: 100ms, failover: false }
  events:
    - { name: lead, kind: moveLeader, scope: { member: a-0 }, at: 5s }
    - { name: away, kind: isolate, scope: { member: c-0 }, at: 20s, for: 5s }
`;
  const run = play(`${STILL}${READERS}`);

  it("of a member that is cut off: linearizable ones stop, serializable ones go on with data as old as the cut", () => {
    expect(metric(run, "linearizableReadOutage", "clients")).toBeGreaterThan(5);
    expect(metric(run, "serializableReadOutage", "clients")).toBe(0);
    expect(metric(run, "answered", "client/ser")).toBe(1);
    const oldest = metric(run, "staleAgeMax", "client/ser") ?? 0;
    // Until the cut ends, or until the leader's stream is heard again by a retransmission.
    expect(oldest).toBeGreaterThan(4.7);
    expect(oldest).toBeLessThan(9);
    expect(metric(run, "staleReads", "client/ser")).toBeGreaterThan(0.1);
    expect(metric(run, "writeOutage", "clients")).toBe(0);
  });

  it("cost a round trip to the leader when linearizable, none when serializable", () => {
    expect(metric(run, "latencyP50", "client/lin")).toBeGreaterThan(20);
    expect(metric(run, "latencyP50", "client/ser")).toBeCloseTo(1.2, 1);
  });
});

describe("a recovery by force", () => {
  const LOSS = `  clients: [{ name: w, centre: a, every: 4ms }]
  events:
    - { name: lead, kind: moveLeader, scope: { member: a-0 }, at: 5s }
    - { name: copy, kind: backup, scope: { member: c-0 }, at: 18s }
    - { name: lines, kind: isolate, scope: { member: c-0 }, at: 20s }
    - { name: dark, kind: powerOff, scope: { members: [a-0, b-0] }, after: { event: lines } }
    - { name: again, kind: forceNewCluster, scope: { member: c-0 }, after: { event: lines, delay: 3s } }
  network:
    centres: [a, b, c]
    withinCentre: 100us
    links: [{ between: [a, b], oneWay: 1ms }, { between: [a, c], oneWay: 20ms }, { between: [b, c], oneWay: 20ms }]
`;
  const still = STILL.replace(/ {2}network:\n(?: {4}.*\n)*/, "");

  it("loses what was acknowledged while it was on the line: 20 ms of writes at 250 a second are five", () => {
    const run = play(`${still}${LOSS}`);
    expect(metric(run, "lostWrites", "clients")).toBeGreaterThanOrEqual(3);
    expect(metric(run, "lostWrites", "clients")).toBeLessThanOrEqual(6);
    // Never older than the line is long.
    expect(metric(run, "lostAge", "clients")).toBeGreaterThan(8);
    expect(metric(run, "lostAge", "clients")).toBeLessThanOrEqual(20.5);
    expect(run.elections.at(-1)).toMatchObject({ leader: "c-0", cause: "needed" });
  });

  it("loses what came after the backup where one is restored", () => {
    const text = `${still}${LOSS}`.replace("kind: forceNewCluster,", "kind: restore, from: copy,");
    const run = play(text);
    // Two seconds of 250 writes, and what was under way to the copy.
    expect(metric(run, "lostWrites", "clients")).toBeGreaterThan(480);
    expect(metric(run, "lostWrites", "clients")).toBeLessThan(540);
    expect(metric(run, "lostAge", "clients")).toBeGreaterThan(1990);
    expect(metric(run, "lostAge", "clients")).toBeLessThan(2150);
  });

  it("loses nothing where the lines live on: what was sent arrives", () => {
    const text = `${still}${LOSS}`.replace(
      "kind: isolate, scope: { member: c-0 }, at: 20s",
      "kind: backup, scope: { member: c-0 }, at: 20s",
    );
    expect(metric(play(text), "lostWrites", "clients")).toBe(0);
  });
});

describe("members that come and go", () => {
  it("a learner joins, is promoted once it has the log, and another member is removed", () => {
    const text = STILL.replace(
      "members: { a: 1, b: 1, c: 1 }",
      `members:
    - { name: a-0, centre: a }
    - { name: b-0, centre: b }
    - { name: c-0, centre: c }
    - { name: c-1, centre: c, learner: true, joinsLater: true }`,
    );
    const run = play(`${text}${WRITERS}  events:
    - { name: lead, kind: moveLeader, scope: { member: a-0 }, at: 5s }
    - { name: add, kind: addMember, scope: { member: c-1 }, at: 12s }
    - { name: promote, kind: promote, scope: { member: c-1 }, after: { event: add } }
    - { name: remove, kind: removeMember, scope: { member: c-0 }, at: 25s }
`);
    const [, add, promote, remove] = run.occurrences;
    for (const one of [add, promote, remove]) {
      expect(one?.refusal, one?.event).toBe("");
      expect(one?.doneUs, one?.event).not.toBeNull();
    }
    // It is added at once, but promoted only when an operator who tries each second finds it ready.
    expect(promote?.doneUs).toBeGreaterThan(add?.doneUs ?? 0);
    // Its clients have nobody left.
    expect(metric(run, "outage", "client/w-c")).toBeGreaterThan(10);
    expect(metric(run, "outage", "client/w-a")).toBe(0);
  });

  it("a promotion without a quorum is tried and refused until the end", () => {
    const text = STILL.replace(
      "members: { a: 1, b: 1, c: 1 }",
      "members: [{ name: a-0, centre: a }, { name: b-0, centre: b }, { name: c-0, centre: c, learner: true }]",
    );
    const run = play(`${text}  events:
    - { name: dark, kind: powerOff, scope: { members: [a-0, b-0] }, at: 20s }
    - { name: promote, kind: promote, scope: { member: c-0 }, at: 25s }
`);
    expect(run.occurrences[1]).toMatchObject({ event: "promote", doneUs: null });
    expect(run.occurrences[1]?.refusal).not.toBe("");
  });
});

describe("events", () => {
  it("that are drawn come again after each end, and strike twice what two of them strike", () => {
    const run = play(`${STILL.replace("horizon: 40s", "horizon: 5m")}  events:
    - { name: crash, kind: kill, scope: { eachMember: true }, timeToFailure: { exponential: { mean: 1m } }, for: { uniform: { min: 2s, max: 6s } } }
`);
    expect(run.occurrences.length).toBeGreaterThan(5);
    for (const member of ["a-0", "b-0", "c-0"]) {
      const own = run.occurrences.filter(({ target }) => target === member);
      for (const [index, { atUs, endedUs }] of own.entries()) {
        const before = own[index - 1];
        if (before !== undefined) expect(atUs).toBeGreaterThan(before.endedUs ?? Number.POSITIVE_INFINITY);
        if (endedUs !== null) expect(endedUs - atUs).toBeGreaterThanOrEqual(2_000_000);
      }
    }
    expect(metric(run, "occurrences", "event/crash/a-0")).toBe(
      run.occurrences.filter(({ target }) => target === "a-0").length,
    );
  });

  it("that slow a disk or a line down are over when they end", () => {
    const slow = (event: string) =>
      play(`${STILL}  clients: [{ name: w, centre: a, pause: 50ms }]
  events:
    - { name: lead, kind: moveLeader, scope: { member: a-0 }, at: 5s }
    - ${event}
`);
    const calm =
      metric(slow("{ kind: start, scope: { member: a-0 }, at: 15s }"), "latencyP50", "client/w") ?? 0;
    // For 8 of 30 s: the median is as before, the slowest tenth is not.
    const disk = slow(
      "{ kind: slowDisk, scope: { members: [a-0, b-0, c-0] }, fsync: 60ms, at: 15s, for: 8s }",
    );
    expect(metric(disk, "latencyP50", "client/w")).toBeCloseTo(calm, 3);
    expect(metric(disk, "latencyP99", "client/w")).toBeGreaterThan(calm + 55);
    const line = slow("{ kind: degrade, scope: { between: [a, b] }, oneWay: 100ms, at: 15s, for: 8s }");
    // The other follower is as near as before.
    expect(metric(line, "latencyP99", "client/w")).toBeLessThan(calm + 30);
    const both = slow("{ kind: degrade, scope: { link: { from: a, to: b } }, loss: 100%, at: 15s, for: 8s }");
    expect(metric(both, "answered", "client/w")).toBe(1);
  });
});
