/** Studies in a few lines, and what comes out of one run of them. */
import { playCell } from "../../src/etcd-study/play.js";
import type { EtcdReplication } from "../../src/etcd-study/results.js";
import { loadEtcdStudy } from "../../src/scenario/etcd-study.js";
import { formatProblem } from "../../src/workload/problems.js";
import { memory } from "../scenario/support.js";

/** Everything constant: what happens can be worked out by hand. */
export const STILL = `apiVersion: seatrial.dev/v1alpha1
kind: EtcdStudy
metadata: { name: still }
spec:
  warmUp: 10s
  horizon: 40s
  network:
    centres: [a, b, c]
    withinCentre: 100us
    betweenCentres: { oneWay: 10ms }
  members: { a: 1, b: 1, c: 1 }
  costs: { request: 1ms, fsync: 1ms, apply: 0s, boot: 50ms }
`;

/** Plays the first cell of a study once. */
export function play(text: string, replication = 0): EtcdReplication {
  const { study, problems } = loadEtcdStudy("study.yaml", memory({ "study.yaml": text }));
  if (study === undefined) throw new Error(problems.list().map(formatProblem).join("\n"));
  return playCell(study, 0, replication);
}

/** The metric's value; undefined: there is no such metric. */
export function metric(run: EtcdReplication, name: string, of = "group"): number | undefined {
  return run.metrics.find((one) => one.metric === name && one.of === of)?.value;
}

/** Whether the metric is a lower bound. */
export function isCensored(run: EtcdReplication, name: string, of: string): boolean {
  return run.metrics.find((one) => one.metric === name && one.of === of)?.censored === true;
}
