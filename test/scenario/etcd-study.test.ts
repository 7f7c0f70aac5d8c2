/** Files of kind EtcdStudy: what is refused and where, what the sweep makes of them, what they compile to. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { shippedStudies } from "../../scripts/digest-cases.mjs";
import { MEASURED_COSTS } from "../../src/etcd/defaults.js";
import { ETCD_MODEL_DEFAULTS } from "../../src/etcd/model.js";
import type { StudyCell } from "../../src/etcd-study/model.js";
import { loadEtcdStudy } from "../../src/scenario/etcd-study.js";
import { parsePath } from "../../src/scenario/etcd-study-sweep.js";
import { fileSource } from "../../src/workload/files.js";
import { formatProblem } from "../../src/workload/problems.js";
import { memory } from "./support.js";

const SMALL = `apiVersion: seatrial.dev/v1alpha1
kind: EtcdStudy
metadata: { name: small }
spec:
  horizon: 1m
  network:
    centres: [here, there]
    links: [{ between: [here, there], oneWay: 5ms }]
  members: { here: 2, there: 1 }
  clients: [{ name: writer, centre: here }]
  events:
    - { name: crash, kind: kill, scope: { leader: true }, at: 20s, for: 5s }
`;

function load(text: string) {
  return loadEtcdStudy("study.yaml", memory({ "study.yaml": text }));
}

function problemsOf(text: string): string[] {
  return load(text).problems.list().map(formatProblem);
}

function cellsOf(text: string): readonly StudyCell[] {
  const { study, problems } = load(text);
  expect(problems.list().map(formatProblem)).toEqual([]);
  return study?.cells ?? [];
}

function withSpec(more: string): string {
  return `${SMALL}${more}`;
}

describe("a small study", () => {
  it("compiles without a word, to plain data", () => {
    const { study, problems } = load(SMALL);
    expect(problems.list()).toEqual([]);
    expect(structuredClone(study)).toEqual(study);
    expect(study?.cells.map(({ name }) => name)).toEqual(["base"]);
  });

  it("has etcd's own settings and the measured costs where it says nothing", () => {
    const { etcd } = cellsOf(SMALL)[0] as StudyCell;
    expect(etcd).toMatchObject(ETCD_MODEL_DEFAULTS);
    expect(etcd.costs).toEqual(MEASURED_COSTS);
  });

  it("calls members after their centres, and gives each client and the operator a host of its own", () => {
    const { etcd, operatorHost } = cellsOf(SMALL)[0] as StudyCell;
    expect(etcd.hosts.map(({ name, centre }) => `${name} ${centre}`)).toEqual([
      "here-0 here",
      "here-1 here",
      "there-0 there",
      "writer here",
      "operator here",
    ]);
    expect(operatorHost).toBe(4);
    expect(etcd.paths[0]?.[2]?.oneWayUs).toEqual({ kind: "constant", value: 5000 });
    // The operator is beside every member, wherever that stands.
    expect(etcd.paths[4]?.[2]?.oneWayUs).toEqual({ kind: "constant", value: 170 });
  });

  it("has a client ask the nearest member first, then the others in order", () => {
    const text = SMALL.replace("centre: here }]", "centre: there, timeout: 2s }]");
    expect((cellsOf(text)[0] as StudyCell).clients).toEqual([
      {
        name: "writer",
        host: 3,
        op: "put",
        key: "writer",
        targets: [2, 0, 1],
        pace: { kind: "sequential", pauseUs: { kind: "constant", value: 10_000 }, retryPauseUs: 5_000 },
        timeoutUs: 2_000_000,
        valueBytes: undefined,
      },
    ]);
  });

  it("puts a client without a centre into each", () => {
    const { clients } = cellsOf(
      SMALL.replace("name: writer, centre: here", "name: w, failover: false"),
    )[0] as StudyCell;
    expect(clients.map(({ name, targets }) => `${name} ${targets.join()}`)).toEqual([
      "w-here 0",
      "w-there 2",
    ]);
  });

  it("adds jitter to a delay that is one duration", () => {
    const { etcd } = cellsOf(
      SMALL.replace("oneWay: 5ms", "oneWay: 5ms, jitter: 2ms, loss: 1%"),
    )[0] as StudyCell;
    expect(etcd.paths[0]?.[2]).toEqual({ oneWayUs: { kind: "uniform", min: 5000, max: 7000 }, loss: 0.01 });
  });

  it("makes one event of each thing that eachMember means", () => {
    const text = SMALL.replace(
      "scope: { leader: true }, at: 20s",
      "scope: { eachMember: true }, timeToFailure: 1h",
    );
    const { events } = cellsOf(text)[0] as StudyCell;
    expect(events.map(({ name }) => name)).toEqual(["crash/here-0", "crash/here-1", "crash/there-0"]);
    expect(events[1]?.occurrence).toEqual({
      kind: "drawn",
      timeToFailureUs: { kind: "constant", value: 3_600_000_000 },
      notBeforeUs: 10_000_000,
    });
  });
});

describe("the sweep", () => {
  const SWEEP = `  sweep:
    - { path: etcd.electionTimeout, values: [500ms, 2s] }
    - name: layout
      variants:
        - { name: three, set: { members: { here: 2, there: 1 } } }
        - { name: five, set: { members: { here: 3, there: 2 }, "network.links[0].oneWay": 9ms } }
`;

  it("makes a cell of every combination, the last axis varying fastest", () => {
    const { study } = load(withSpec(SWEEP));
    expect(study?.axes).toEqual([
      { name: "electionTimeout", labels: ["500ms", "2s"] },
      { name: "layout", labels: ["three", "five"] },
    ]);
    expect(
      study?.cells.map(({ name, labels, etcd }) => [name, labels, etcd.electionUs, etcd.members.length]),
    ).toEqual([
      ["electionTimeout=500ms, three", ["500ms", "three"], 500_000, 3],
      ["electionTimeout=500ms, five", ["500ms", "five"], 500_000, 5],
      ["electionTimeout=2s, three", ["2s", "three"], 2_000_000, 3],
      ["electionTimeout=2s, five", ["2s", "five"], 2_000_000, 5],
    ]);
    expect(study?.cells[1]?.etcd.paths[0]?.[3]?.oneWayUs).toEqual({ kind: "constant", value: 9000 });
  });

  it("reads paths with lists and quoted keys, and refuses others", () => {
    expect(parsePath('events[2].scope["x.y"].at')).toEqual(["events", 2, "scope", "x.y", "at"]);
    for (const wrong of ["", "a..b", "a[x]", "a b", "a.", "[-1]"]) expect(parsePath(wrong)).toBeUndefined();
  });

  it("tells a value's mistake where the value stands, once, and names the path that was meant", () => {
    const text = withSpec(SWEEP).replace("[500ms, 2s]", "[500ms, 200ms, 60s, soon]");
    expect(problemsOf(text)).toEqual([
      'study.yaml:14:53: spec.sweep[0].values[1]: expected electionTimeout to be at least 5 × heartbeatInterval (100ms), as etcd does, got "200ms"',
      'study.yaml:14:60: spec.sweep[0].values[2]: expected electionTimeout to be at most 50s, as etcd does, got "60s"',
      'study.yaml:14:65: spec.sweep[0].values[3]: expected a duration such as "15s", "5m", "1h30m", "250ms" or "2d", above 0, got "soon"',
    ]);
    expect(problemsOf(withSpec(SWEEP).replace("etcd.electionTimeout", "etcd.electionTimout"))).toEqual([
      'study.yaml:14:15: spec.sweep[0].path: expected the path of a field below spec, got "etcd.electionTimout"; did you mean "etcd.electionTimeout"?',
    ]);
  });

  it("says so where a path leads through a list that is too short", () => {
    expect(problemsOf(withSpec(SWEEP).replace("links[0]", "links[4]"))).toEqual([
      'study.yaml:18:91: spec.sweep[1].variants[1].set["network.links[4].oneWay"]: expected the path of something that the file has',
    ]);
  });

  it("refuses axes and values of one name, and names that are columns of the results", () => {
    const twice = withSpec(`  sweep:
    - { name: metric, path: etcd.preVote, values: [true, true] }
    - { name: metric, path: etcd.checkQuorum, values: [false] }
`);
    expect(problemsOf(twice).map((line) => line.replace(/\(.*\)/, "(…)"))).toEqual([
      'study.yaml:14:7: spec.sweep[0]: expected a name that is no column of the results (…), got "metric"',
      'study.yaml:14:58: spec.sweep[0].values[1]: expected each value to be another one, got "metric=true"',
      'study.yaml:15:7: spec.sweep[1]: expected each axis to have a name of its own, got "metric"',
      'study.yaml:15:7: spec.sweep[1]: expected a name that is no column of the results (…), got "metric"',
    ]);
  });
});

describe("mistakes", () => {
  it("are told all at once, each with its place, value and what was probably meant", () => {
    const text = `apiVersion: seatrial.dev/v1alpha1
kind: EtcdStudy
metadata: { name: wrong }
spec:
  horizon: 1m
  warmUp: 2m
  network:
    centres: [here, there]
    links: [{ between: [here, tere], oneWay: { uniform: { min: 1ms, max: 2ms } }, jitter: 1ms }]
  members:
    - { name: a, centre: her }
    - { name: a, centre: there }
  etcd: { heartbeatInterval: 300ms }
  clients:
    - { name: writer, centre: elsewhere, asks: neerest, pause: 1s }
    - { name: reader, op: serializableRead, reads: writr }
`;
    expect(problemsOf(text)).toEqual([
      'study.yaml:6:11: spec.warmUp: expected warmUp to be below the horizon of 1m, got "2m"',
      'study.yaml:9:31: spec.network.links[0].between[1]: expected a centre or member (here, there, a, a), got "tere"; did you mean "here"?',
      "study.yaml:9:91: spec.network.links[0].jitter: expected no jitter beside a oneWay that is a distribution already",
      'study.yaml:10:3: spec.members: expected each member to have a name of its own, got "a"',
      'study.yaml:11:26: spec.members[0].centre: expected a centre (here, there), got "her"; did you mean "here"?',
      'study.yaml:13:30: spec.etcd.heartbeatInterval: expected electionTimeout to be at least 5 × heartbeatInterval (300ms), as etcd does, got "1s"',
      'study.yaml:15:31: spec.clients[0].centre: expected a centre (here, there), got "elsewhere"',
      'study.yaml:15:48: spec.clients[0].asks: expected a member or nearest (nearest, a, a), got "neerest"; did you mean "nearest"?',
      'study.yaml:15:64: spec.clients[0].pause: expected less than metrics.outageGap (500ms): a client that rests for longer would seem to be without service, got "1s"',
      'study.yaml:16:52: spec.clients[1].reads: expected a writer (writer), got "writr"; did you mean "writer"?',
    ]);
  });

  const EVENT = "{ name: crash, kind: kill, scope: { leader: true }, at: 20s, for: 5s }";

  it.each([
    [
      "{ kind: kill, scope: { leader: true } }",
      "events[0]: expected exactly one of at, every, timeToFailure and after",
    ],
    [
      "{ kind: kill, scope: { member: here-9 }, at: 20s }",
      'scope.member: expected a member (here-0, here-1, there-0), got "here-9"; did you mean "here-0"?',
    ],
    [
      "{ kind: cut, scope: { leader: true }, at: 20s }",
      'scope: expected a scope that cut can have: one of between, link, got "leader"',
    ],
    [
      "{ kind: cut, scope: { between: [here, here] }, at: 20s }",
      "scope.between: expected two different ends",
    ],
    [
      "{ kind: promote, scope: { member: here-0 }, at: 20s, for: 1s }",
      "for: expected for with a kind that ends: one of kill, powerOff, isolate, cut, degrade, slowDisk",
    ],
    [
      "{ kind: kill, scope: { leader: true }, at: 20s, loss: 1% }",
      "loss: expected loss with kind: degrade only",
    ],
    [
      "{ kind: degrade, scope: { between: [here, there] }, at: 20s }",
      "events[0]: expected oneWay, loss or both with kind: degrade",
    ],
    ["{ kind: slowDisk, scope: { leader: true }, at: 20s }", "events[0]: expected fsync with kind: slowDisk"],
    [
      "{ kind: restore, scope: { member: here-0 }, at: 20s, from: x }",
      'from: expected the name of a backup further up, but there is none, got "x"',
    ],
    [
      "{ kind: start, scope: { member: here-0 }, after: { event: crsh } }",
      'after.event: expected the name of an event further up, but there is none, got "crsh"',
    ],
    ["{ kind: kill, scope: { leader: true }, at: 20s, count: 2 }", "count: expected count with every only"],
    ["{ kind: kill, scope: { leader: true }, at: 5s }", "at: warning: within the warm-up"],
    ["{ kind: kill, scope: { leader: true }, at: 1h }", "at: warning: not before the horizon"],
    ["{ kind: kil, scope: { leader: true }, at: 20s }", 'did you mean "kill"?'],
  ])("in events: %s", (event, expected) => {
    const lines = problemsOf(SMALL.replace(EVENT, event));
    expect(lines).toHaveLength(1);
    expect(lines[0]?.replace("spec.events[0].", "").replace("warning: ", "")).toContain(
      expected.replace("warning: ", ""),
    );
    expect(lines[0]?.includes("warning: ")).toBe(expected.includes("warning: "));
  });

  it("names what a file of another kind is", () => {
    expect(problemsOf(SMALL.replace("kind: EtcdStudy", "kind: EtcdStdy"))).toEqual([
      'study.yaml:2:7: kind: expected EtcdStudy, got "EtcdStdy"; did you mean "EtcdStudy"?',
    ]);
    expect(problemsOf("")).toEqual(["study.yaml: expected a study of etcd, but the file is empty"]);
    expect(loadEtcdStudy("none.yaml", memory({})).problems.list().map(formatProblem)).toEqual([
      "none.yaml: expected a study of etcd, but there is no file that can be read",
    ]);
  });
});

describe("the shipped studies", () => {
  it("are the four that answer what people ask", () => {
    expect(shippedStudies("./")).toEqual([
      "etcd-flapping-link",
      "etcd-layouts",
      "etcd-learner-standby",
      "etcd-wan-timers",
    ]);
  });

  it.each(
    shippedStudies("./"),
  )("%s begins with its question, is named after its folder and has no mistake", (name) => {
    const file = `scenarios/${name}/scenario.yaml`;
    const { study, problems } = loadEtcdStudy(file, fileSource());
    expect(problems.list().map(formatProblem)).toEqual([]);
    expect(study?.name).toBe(name);
    expect(study?.question).toMatch(/[?.]$/);
    expect(readFileSync(file, "utf8")).toMatch(/^# Question: [^?]*\?/);
    expect(structuredClone(study)).toEqual(study);
  });
});
