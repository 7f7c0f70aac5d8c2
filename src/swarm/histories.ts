/** The clients' records put into the words of the consistency checks, and those checks. */
import { isKvOutcome, isKvRequest, type Operation, type Violation } from "../consistency/history.js";
import { checkLeases, type LeaseRecord, type LeaseRenewal } from "../consistency/leases.js";
import { checkLinearizability } from "../consistency/linearizability.js";
import { checkSerializableReads, type SerializableRead } from "../consistency/serializable.js";
import { checkWatches, type WatchRecord } from "../consistency/watches.js";
import { type ClientRecord, outcomeClass } from "../etcd/client-record.js";
import type { Watcher } from "../etcd/watcher.js";
import type { Micros } from "../units/time.js";
import type { Truth } from "./truth.js";
import { LifeViolation } from "./violation.js";

export interface Histories {
  readonly records: readonly ClientRecord[];
  readonly watchers: readonly { readonly name: string; readonly watcher: Watcher }[];
  readonly truth: Truth;
  /** The process of a member at a time: its incarnation. */
  readonly processAt: (member: number, atUs: Micros) => number;
  /** The highest term of any leader by then. */
  readonly leaderTermAt: (atUs: Micros) => number;
  readonly endUs: Micros;
  readonly faultsEndUs: Micros;
}

/** Steps of the search before a history is left undecided. */
const STEPS_MOST = 300_000;

/** Throws what is wrong; returns how many histories were too hard to decide. */
export function checkHistories(histories: Histories): { readonly undecided: number; readonly steps: number } {
  const operations = operationsOf(histories);
  const linearizable = checkLinearizability(operations, { maxSteps: STEPS_MOST });
  if (linearizable.verdict === "violation")
    throw new LifeViolation("linearizability", linearizable.counterexample.text);
  const called = new Map(histories.records.map(({ request, startUs }) => [request as object, startUs]));
  const store = histories.truth.history((request) => called.get(request));
  throwFirst(checkSerializableReads(serializableReads(histories), store));
  throwFirst(checkWatches(histories.watchers.flatMap(watchesOf), store));
  throwFirst(
    checkLeases(leasesOf(histories), {
      faultsStoppedUs: histories.faultsEndUs,
      observedUntilUs: histories.endUs,
      boundUs: LEASE_BOUND_US,
    }),
  );
  return { undecided: linearizable.verdict === "undecided" ? 1 : 0, steps: linearizable.steps };
}

/** From the end of a lease's time: no leader for long, its check every 500 ms, the log. */
const LEASE_BOUND_US: Micros = 60_000_000;

function throwFirst(violations: readonly Violation[]): void {
  const first = violations[0];
  if (first !== undefined) throw new LifeViolation(first.rule, first.text);
}

/**
 * What is not known to have taken effect counts as of unknown outcome, unless it is known from the logs that it had none:
 * whatever it might have done, nothing came of it, and the search is spared it.
 */
function operationsOf({ records, truth }: Histories): Operation[] {
  const operations: Operation[] = [];
  const revoked = new Set<number>();
  for (const record of records) {
    const { client, number, request, startUs, endUs } = record;
    if (request.type === "leaseGrant") {
      const outcome = record.response?.outcome;
      if (outcome?.type === "lease") revoked.add(outcome.id);
    }
    if (!isKvRequest(request) || record.op === "ser") continue;
    const base = { client, number, callUs: startUs, request };
    const outcome = record.response?.outcome;
    switch (outcomeClass(record)) {
      case "ok":
        if (outcome === undefined || record.response === undefined || !isKvOutcome(outcome)) continue;
        operations.push({
          ...base,
          returnUs: endUs,
          answer: { header: { revision: record.response.header.revision }, outcome },
        });
        break;
      case "unknown":
        if (request.type !== "range" && truth.effective.has(request)) operations.push(base);
        break;
      case "failed":
        if (request.type !== "range" && truth.effective.has(request))
          throw new LifeViolation(
            "refused-write",
            `${record.error} was said of ${JSON.stringify(request)}, which took effect`,
          );
        break;
    }
  }
  return operations.concat(expiriesOf(records, truth));
}

/** Ends of leases by the members themselves, of which only the changes tell: a client that stands for the members. */
function expiriesOf(records: readonly ClientRecord[], truth: Truth): Operation[] {
  const ofClients = new Set<object>(records.map(({ request }) => request));
  const grantedUs = new Map<number, Micros>();
  for (const { response, startUs, op } of records)
    if (op === "leaseGrant" && response?.outcome.type === "lease")
      grantedUs.set(response.outcome.id, startUs);
  const operations: Operation[] = [];
  for (const request of truth.effective) {
    if (request.type !== "leaseRevoke" || ofClients.has(request)) continue;
    const callUs = grantedUs.get(request.id) ?? 0;
    operations.push({ client: "members", number: operations.length, callUs, request });
  }
  return operations;
}

function serializableReads({ records, processAt }: Histories): SerializableRead[] {
  const reads: SerializableRead[] = [];
  for (const { client, number, member, op, request, response, startUs, endUs } of records) {
    const outcome = response?.outcome;
    if (op !== "ser" || request.type !== "range" || outcome?.type !== "range" || endUs === undefined)
      continue;
    // A process that ended while the answer was on its way is not told apart from the next: leave such reads out of order checks.
    const process = `${member}/${processAt(member, startUs)}-${processAt(member, endUs)}`;
    const header = { revision: response?.header.revision ?? 0 };
    reads.push({
      client,
      number,
      callUs: startUs,
      returnUs: endUs,
      process,
      request,
      answer: { header, outcome },
    });
  }
  return reads;
}

/** One record a watch: the batches by the watch's number, each beginning where the watcher went on. */
function watchesOf({ name, watcher }: { readonly name: string; readonly watcher: Watcher }): WatchRecord[] {
  const records: { number: number; startRevision: number; responses: WatchRecord["responses"][number][] }[] =
    [];
  let next = 1;
  for (const { atUs, response } of watcher.batches) {
    let record = records[records.length - 1];
    if (record === undefined || record.number !== response.watch) {
      for (const gap of watcher.gaps) if (gap.from === next) next = gap.to + 1;
      record = { number: response.watch, startRevision: next, responses: [] };
      records.push(record);
    }
    record.responses.push({ atUs, header: response.header, events: response.events });
    next = Math.max(next, (response.events.at(-1)?.kv.modRevision ?? response.header.revision) + 1);
  }
  return records.map(({ number, startRevision, responses }) => ({
    client: name,
    number,
    request: { key: "\0", rangeEnd: "\0", startRevision },
    responses,
  }));
}

function leasesOf({ records, truth, leaderTermAt }: Histories): LeaseRecord[] {
  const leases = new Map<number, LeaseInMaking>();
  for (const record of records) {
    const outcome = record.response?.outcome;
    if (record.op !== "leaseGrant" || outcome?.type !== "lease") continue;
    leases.set(outcome.id, {
      id: outcome.id,
      holder: record.client,
      ttlUs: outcome.ttl * 1_000_000,
      grant: { sentUs: record.startUs, answeredUs: record.endUs },
      keepAlives: [],
      revokesSentUs: [],
      goneUs: truth.leaseEndsUs.get(outcome.id),
      sightings: [],
    });
  }
  for (const { request, response, startUs, endUs, client, key, op } of records) {
    if (request.type === "leaseRevoke") leases.get(request.id)?.revokesSentUs.push(startUs);
    else if (request.type === "leaseKeepAlive") {
      // etcd's leader renews without asking its quorum, so one that others have left behind may say yes in vain.
      const isOfLeader = endUs !== undefined && (response?.header.term ?? 0) >= leaderTermAt(endUs);
      const isYes = response?.outcome.type === "lease" && response.outcome.ttl > 0;
      leases
        .get(request.id)
        ?.keepAlives.push({ sentUs: startUs, answeredUs: isYes && isOfLeader ? endUs : undefined });
    } else if (op === "lin" && endUs !== undefined && response?.outcome.type === "range") {
      for (const kv of response.outcome.kvs)
        if (kv.lease > 0)
          leases.get(kv.lease)?.sightings.push({ client, key, callUs: startUs, returnUs: endUs });
    }
  }
  return [...leases.values()];
}

interface LeaseInMaking extends LeaseRecord {
  readonly keepAlives: LeaseRenewal[];
  readonly revokesSentUs: Micros[];
  readonly sightings: LeaseRecord["sightings"][number][];
}
