/** Whatever events are put together, a run ends, its figures are figures, and it is the same run again. */
import { describe, expect, it } from "vitest";
import { RandomStreams } from "../../src/engine/random.js";
import type { EtcdReplication } from "../../src/etcd-study/results.js";
import { play } from "./support.js";

const MEMBERS = ["a-0", "a-1", "b-0", "b-1", "c-0", "c-1"];
const HEAD = `apiVersion: seatrial.dev/v1alpha1
kind: EtcdStudy
metadata: { name: random }
spec:
  warmUp: 4s
  horizon: 40s
  network: { centres: [a, b, c], betweenCentres: { oneWay: 3ms, jitter: 2ms, loss: 0.2% } }
  members:
    - { name: a-0, centre: a }
    - { name: a-1, centre: a }
    - { name: b-0, centre: b }
    - { name: b-1, centre: b, learner: true }
    - { name: c-0, centre: c }
    - { name: c-1, centre: c, joinsLater: true }
  clients:
    - { name: w, every: 100ms }
    - { name: lin, centre: b, op: linearizableRead, pause: 100ms }
    - { name: ser, centre: c, op: serializableRead, pause: 100ms, failover: false }
  events:
`;

/** A study with so many events of all kinds, drawn. */
function study(seed: number, events: number): string {
  const stream = new RandomStreams(`random-study/${seed}`).stream("events");
  const pick = <Item>(items: readonly Item[]): Item => items[stream.below(items.length)] as Item;
  const member = (): string => pick(MEMBERS);
  const scope = (): string =>
    pick([
      `{ member: ${member()} }`,
      "{ leader: true }",
      "{ leaderCentre: true }",
      `{ centre: ${pick(["a", "b", "c"])} }`,
    ]);
  const link = (): string =>
    pick(["{ between: [a, b] }", "{ link: { from: b, to: c } }", "{ between: [a-0, c-0] }"]);
  const lines = Array.from({ length: events }, (_, index) => {
    const end = pick(["", ", for: 3s", ", for: { exponential: { mean: 4s } }"]);
    const when = pick([
      `at: ${4 + stream.below(34)}s`,
      `every: ${3 + stream.below(9)}s, start: ${5 + stream.below(9)}s, spread: 2s`,
      "timeToFailure: { exponential: { mean: 12s } }",
      ...(index > 0 ? [`after: { event: e${stream.below(index)}, delay: 500ms }`] : []),
    ]);
    const what = pick([
      `kind: kill, scope: ${scope()}${end}`,
      `kind: powerOff, scope: ${scope()}${end}`,
      `kind: isolate, scope: ${scope()}, direction: ${pick(["both", "in", "out"])}${end}`,
      `kind: cut, scope: ${link()}${end}`,
      `kind: degrade, scope: ${link()}, loss: 20%, oneWay: 30ms${end}`,
      `kind: slowDisk, scope: ${scope()}, fsync: 50ms${end}`,
      `kind: start, scope: { member: ${member()} }`,
      `kind: moveLeader, scope: { member: ${member()} }`,
      `kind: addMember, scope: { member: ${member()} }`,
      `kind: promote, scope: { member: ${member()} }`,
      `kind: removeMember, scope: { member: ${member()} }`,
      `kind: forceNewCluster, scope: { member: ${member()} }`,
      ...(index > 0 ? [`kind: restore, scope: { members: [a-0, c-0] }, from: e0`] : []),
    ]);
    return index === 0
      ? `    - { name: e0, kind: backup, scope: { member: b-0 }, every: 7s }`
      : `    - { name: e${index}, ${what}, ${when} }`;
  });
  return `${HEAD}${lines.join("\n")}\n`;
}

describe("random studies", () => {
  it.each(
    Array.from({ length: 12 }, (_, seed) => seed),
  )("number %i runs to its end, with figures", (seed) => {
    const text = study(seed, 7);
    let run: EtcdReplication;
    try {
      run = play(text);
    } catch (error) {
      throw new Error(`${text}\n${error instanceof Error ? error.stack : String(error)}`);
    }
    for (const { metric, of, value } of run.metrics)
      expect(Number.isFinite(value), `${metric} of ${of}`).toBe(true);
    expect(run.occurrences.length).toBeGreaterThan(0);
    for (const { atUs, endedUs, leaderUs, writeUs } of run.occurrences) {
      for (const spanUs of [leaderUs, writeUs]) expect(spanUs ?? 0).toBeGreaterThanOrEqual(0);
      if (endedUs !== null) expect(endedUs).toBeGreaterThanOrEqual(atUs);
    }
  });

  it("number 3 is the same again", () => {
    expect(play(study(3, 7))).toEqual(play(study(3, 7)));
  });
});
