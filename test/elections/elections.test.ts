/** The published election experiments of Raft, in a reduced sample; `npm run validate:raft-paper` plays all of it. */
import { existsSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { checkRow, checkSplit, isPlausible } from "../../src/elections/checks.js";
import { type ElectionSetting, playElection, writesOf } from "../../src/elections/election.js";
import { FIGURE_16, type PublishedRow, SPLIT_VOTES, WAN } from "../../src/elections/published.js";
import { splitVoteProbability } from "../../src/elections/split-vote.js";
import { RandomStreams } from "../../src/engine/random.js";

const GOLDEN = "../shared/golden/etcd-3.5/raft-paper-figure16.json";
const there = existsSync(GOLDEN);
if (!there) console.warn(`skipped: no published figures at ${GOLDEN}`);

/** Sampling error of a few hundred trials, on top of the tolerance of the full run. */
const LOOSE = { mean: 0.12, tail: 0.25 };

function row(rows: readonly PublishedRow[], name: string): PublishedRow {
  const found = rows.find((candidate) => candidate.name === name);
  if (found === undefined) throw new Error(`no row ${name}`);
  return found;
}

/** No chance at all: timers of 10 ms, messages of 1 ms, writes of 2 ms. */
const CERTAIN: ElectionSetting = {
  servers: 3,
  logLengths: [1, 1],
  electionTimeout: { fromUs: 10_000, toUs: 10_000 },
  timerStepUs: 1,
  oneWay: { fromUs: 1000, toUs: 1000 },
  diskWriteUs: 2000,
  heartbeatIntervalUs: undefined,
  limitUs: 1_000_000,
};

describe("one election", () => {
  it("takes the candidate's write, two messages and the voter's two writes; being heard, the leader's two and a message", () => {
    const streams = new RandomStreams("test");
    const setting = {
      ...CERTAIN,
      servers: 3,
      logLengths: [1, 1],
      electionTimeout: { fromUs: 10_000, toUs: 60_000 },
    };
    const outcomes = Array.from({ length: 50 }, (_, trial) => playElection(setting, streams, trial));
    const inOneTerm = outcomes.filter((outcome) => outcome.terms === 1);
    expect(inOneTerm.length).toBeGreaterThan(30);
    for (const { electedUs, heardUs } of inOneTerm) {
      expect(electedUs).toBeGreaterThanOrEqual(10_000 + 2000 + 1000 + 4000 + 1000);
      expect(heardUs - electedUs).toBe(4000 + 1000);
    }
  });

  it("never ends while equal timers fire together", () => {
    expect(playElection(CERTAIN, new RandomStreams("test"), 0)).toMatchObject({
      electedUs: Number.POSITIVE_INFINITY,
      heardUs: Number.POSITIVE_INFINITY,
    });
  });

  it("does not depend on the trials before it", () => {
    const { setting } = row(FIGURE_16, "150-155");
    const streams = new RandomStreams("test");
    playElection(setting, streams, 6);
    expect(playElection(setting, streams, 7)).toEqual(playElection(setting, new RandomStreams("test"), 7));
  });

  it("counts a candidate's term and vote as one write, a voter's as two, a log's change as two", () => {
    expect(writesOf({ role: "candidate" }, true, false)).toBe(1);
    expect(writesOf({ role: "follower" }, true, false)).toBe(1);
    expect(writesOf({ role: "follower" }, true, true)).toBe(2);
    expect(writesOf({ role: "follower" }, false, true)).toBe(1);
    expect(writesOf({ role: "leader" }, false, false)).toBe(2);
  });
});

describe("figure 16 of the paper", () => {
  it.each(["150-155", "150-300", "12-24", "50-100"])("%s ms comes out as published, roughly", (name) => {
    const { checks } = checkRow(row(FIGURE_16, name), 600, LOOSE);
    expect(checks).toHaveLength(2);
    expect(checks.filter((check) => !check.pass)).toEqual([]);
  });

  it("150-150 ms takes more than ten seconds in the median", () => {
    expect(checkRow(row(FIGURE_16, "150-150"), 10, LOOSE).checks).toMatchObject([
      { statistic: "median", pass: true },
    ]);
  });

  it("a disk of twice the speed is found out", () => {
    const published = row(FIGURE_16, "150-155");
    const setting = { ...published.setting, diskWriteUs: published.setting.diskWriteUs / 2 };
    expect(checkRow({ ...published, setting }, 600, LOOSE).checks.filter((check) => check.pass)).toEqual([]);
  });

  it("survivors that may all win, or whose timers do not start together, are another experiment", () => {
    const published = row(FIGURE_16, "150-300");
    const fresh = { ...published.setting, heartbeatIntervalUs: undefined };
    expect(checkRow({ ...published, setting: fresh }, 600, LOOSE).checks[0]?.pass).toBe(false);
    const equal = { ...published.setting, logLengths: [1, 1, 1, 1] };
    expect(checkRow({ ...published, setting: equal }, 600, LOOSE).checks[0]?.simulated).toBeLessThan(175);
  });
});

describe("the dissertation's WAN", () => {
  it.each([
    "0 of 5 failed",
    "1 of 5 failed",
    "2 of 5 failed",
  ])("%s: the mean comes out as published, roughly", (name) => {
    const [mean] = checkRow(row(WAN, name), 1000, { mean: 0.06, tail: 1 }).checks;
    expect(mean).toMatchObject({ statistic: "mean", pass: true });
  });
});

describe("split votes", () => {
  it.each(SPLIT_VOTES)("the formula gives the published rate for n=$servers s=$alive l=$latency", (split) => {
    expect(Math.abs(splitVoteProbability(split) - split.published)).toBeLessThan(0.0006);
  });

  it.each(
    SPLIT_VOTES,
  )("n=$servers s=$alive l=$latency: simulated terms split as the formula says", (split) => {
    expect(checkSplit(split, 1000)).toMatchObject({ pass: true });
  });

  it("an interval holds what is likely and nothing else", () => {
    expect(isPlausible(0, 100, 0.01)).toBe(true);
    expect(isPlausible(0, 1000, 0.01)).toBe(false);
    expect(isPlausible(500, 1000, 0.5)).toBe(true);
    expect(isPlausible(542, 1000, 0.5)).toBe(false);
    expect(isPlausible(1000, 1000, 0.99)).toBe(false);
  });
});

describe.skipIf(!there)("the published figures in the code", () => {
  interface Line {
    readonly mean: number;
    readonly p95: number;
    readonly p99_9: number | null;
  }
  const golden = there
    ? (JSON.parse(readFileSync(GOLDEN, "utf8")) as {
        top_graph_randomness: Record<string, Line>;
        bottom_graph_scale: Record<string, Line>;
        wan_simulation_availsim: { digitised: Record<string, Line> };
      })
    : undefined;

  it("are those of figure 16, every row", () => {
    const lines = { ...golden?.top_graph_randomness, ...golden?.bottom_graph_scale };
    expect(FIGURE_16.map(({ name }) => name).sort()).toEqual(Object.keys(lines).sort());
    for (const { name, meanMs, tail } of FIGURE_16) {
      if (name === "150-150") continue;
      expect([name, meanMs, tail?.ms]).toEqual([name, lines[name]?.mean, lines[name]?.p95]);
    }
  });

  it("are those of the WAN, as far as its curves are drawn whole", () => {
    for (const failed of [0, 1]) {
      const line = golden?.wan_simulation_availsim.digitised[`${failed} failed`];
      const { meanMs, tail } = row(WAN, `${failed} of 5 failed`);
      expect([meanMs, tail?.ms]).toEqual([line?.mean, line?.p99_9]);
    }
  });
});
