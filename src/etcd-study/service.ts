/** What clients got: how long they were without answers, how fast the answers were, how old, and which writes are gone. */
import type { ClientRecord, RecordSink } from "../etcd/client-record.js";
import { Quantiles } from "../metrics/quantiles.js";
import type { MetricValue } from "../metrics/replication.js";
import { MILLISECOND, type Micros, SECOND } from "../units/time.js";
import { numberOf } from "./clients.js";
import type { ClientPlan, StudyCell } from "./model.js";

/** What is asked, as metrics are called. */
const KINDS = { put: "write", lin: "linearizableRead", ser: "serializableRead" } as const;

/**
 * Time without service: from the end of one success to the end of the next, where that is longer than the gap that
 * counts. Begins with the warm-up's end.
 */
export class Outages {
  totalUs: Micros = 0;
  longestUs: Micros = 0;
  #lastUs: Micros;
  readonly #gapUs: Micros;

  constructor(fromUs: Micros, gapUs: Micros) {
    this.#lastUs = fromUs;
    this.#gapUs = gapUs;
  }

  success(atUs: Micros): void {
    if (atUs <= this.#lastUs) return;
    this.#add(atUs - this.#lastUs);
    this.#lastUs = atUs;
  }

  /** The run is over; returns whether it ended within an outage. */
  end(atUs: Micros): boolean {
    const gapUs = atUs - this.#lastUs;
    this.#add(gapUs);
    return gapUs > this.#gapUs;
  }

  #add(gapUs: Micros): void {
    if (gapUs <= this.#gapUs) return;
    this.totalUs += gapUs;
    this.longestUs = Math.max(this.longestUs, gapUs);
  }
}

/** The acknowledged writes of one client, in order of acknowledgement. */
export class Acknowledged {
  readonly #numbers: number[] = [];
  readonly #times: Micros[] = [];
  /** Largest number so far, by acknowledgement: ascending. */
  readonly #largest: number[] = [];

  add(number: number, atUs: Micros): void {
    this.#numbers.push(number);
    this.#times.push(atUs);
    this.#largest.push(Math.max(number, this.#largest[this.#largest.length - 1] ?? -1));
  }

  /** When a later write than that of `number` was first acknowledged; undefined: none was. */
  supersededUs(number: number): Micros | undefined {
    let low = 0;
    let high = this.#largest.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#largest[middle] as number) > number) high = middle;
      else low = middle + 1;
    }
    return this.#times[low];
  }

  /** Calls back for each write acknowledged by a time. */
  forEachBy(atUs: Micros, visit: (number: number, acknowledgedUs: Micros) => void): void {
    for (const [index, timeUs] of this.#times.entries()) {
      if (timeUs <= atUs) visit(this.#numbers[index] as number, timeUs);
    }
  }
}

/** One client's own figures. */
class ClientTally {
  readonly plan: ClientPlan;
  readonly outages: Outages;
  readonly latencies = new Quantiles();
  readonly ages = new Quantiles();
  readonly acknowledged = new Acknowledged();
  finished = 0;
  answered = 0;
  stale = 0;

  constructor(plan: ClientPlan, cell: StudyCell) {
    this.plan = plan;
    this.outages = new Outages(cell.warmUpUs, cell.outageGapUs);
  }
}

export class Service implements RecordSink {
  readonly #cell: StudyCell;
  readonly #tallies = new Map<string, ClientTally>();
  /** Of all clients that ask the same kind of thing. */
  readonly #pooled = new Map<ClientPlan["op"], Outages>();
  /** Told of each acknowledged write, and of each operation's end. */
  readonly #wrote: (startUs: Micros, endUs: Micros) => void;
  readonly #ended: (record: ClientRecord) => void;

  constructor(
    cell: StudyCell,
    wrote: (startUs: Micros, endUs: Micros) => void,
    ended: (record: ClientRecord) => void,
  ) {
    this.#cell = cell;
    this.#wrote = wrote;
    this.#ended = ended;
    for (const plan of cell.clients) {
      this.#tallies.set(plan.name, new ClientTally(plan, cell));
      if (!this.#pooled.has(plan.op)) this.#pooled.set(plan.op, new Outages(cell.warmUpUs, cell.outageGapUs));
    }
  }

  /** The acknowledged writes of a client, by its key. */
  acknowledged(key: string): Acknowledged | undefined {
    return this.#tallies.get(key)?.acknowledged;
  }

  ended(record: ClientRecord): void {
    this.#ended(record);
    const { ok, endUs, startUs } = record;
    const tally = this.#tallyOf(record);
    if (startUs >= this.#cell.warmUpUs) tally.finished++;
    if (!ok || endUs === undefined) return;
    if (tally.plan.op === "put") {
      tally.acknowledged.add(record.number, endUs);
      this.#wrote(startUs, endUs);
    }
    if (startUs >= this.#cell.warmUpUs) {
      tally.answered++;
      tally.latencies.add(endUs - startUs);
      if (tally.plan.op === "ser") this.#readSerializable(record, tally);
    }
    tally.outages.success(endUs);
    this.#pooled.get(tally.plan.op)?.success(endUs);
  }

  /** How long what was read had been out of date when the read began. */
  #readSerializable(record: ClientRecord, tally: ClientTally): void {
    const outcome = record.response?.outcome;
    const writer = this.#tallies.get(record.key);
    if (outcome?.type !== "range" || writer === undefined) return;
    const number = numberOf(outcome.kvs[0]?.value ?? "");
    const supersededUs = writer.acknowledged.supersededUs(number);
    const ageUs = supersededUs === undefined ? 0 : Math.max(0, record.startUs - supersededUs);
    tally.ages.add(ageUs);
    if (ageUs > 0) tally.stale++;
  }

  /** At the horizon, once. */
  metrics(): MetricValue[] {
    const { horizonUs } = this.#cell;
    const pooled = [...this.#pooled].flatMap(([op, outages]) =>
      outageMetrics(outages, `${KINDS[op]}Outage`, "clients", horizonUs),
    );
    const own = [...this.#tallies.values()].flatMap((tally) => [
      ...outageMetrics(tally.outages, "outage", `client/${tally.plan.name}`, horizonUs),
      ...clientMetrics(tally),
    ]);
    return [...pooled, ...own];
  }

  #tallyOf({ client }: ClientRecord): ClientTally {
    const tally = this.#tallies.get(client);
    if (tally === undefined) throw new RangeError(`there is no client ${client}`);
    return tally;
  }
}

function outageMetrics(outages: Outages, metric: string, of: string, horizonUs: Micros): MetricValue[] {
  const isOpen = outages.end(horizonUs);
  const longest = { metric: `${metric}Longest`, of, value: outages.longestUs / SECOND, unit: "s" };
  // An outage under way at the horizon may be the longest of all.
  return [
    { metric, of, value: outages.totalUs / SECOND, unit: "s" },
    isOpen ? { ...longest, censored: true } : longest,
  ];
}

function clientMetrics(tally: ClientTally): MetricValue[] {
  const of = `client/${tally.plan.name}`;
  const { finished, answered, latencies, ages, stale } = tally;
  const metrics: MetricValue[] = [{ metric: "operations", of, value: finished, unit: "operations" }];
  if (finished > 0) metrics.push({ metric: "answered", of, value: answered / finished, unit: "share" });
  const add = (metric: string, us: number | undefined, span: Micros, unit: string): void => {
    if (us !== undefined) metrics.push({ metric, of, value: us / span, unit });
  };
  add("latencyP50", latencies.quantile(0.5), MILLISECOND, "ms");
  add("latencyP99", latencies.quantile(0.99), MILLISECOND, "ms");
  if (ages.count > 0) {
    metrics.push({ metric: "staleReads", of, value: stale / ages.count, unit: "share" });
    add("staleAgeP99", ages.quantile(0.99), SECOND, "s");
    add("staleAgeMax", ages.quantile(1), SECOND, "s");
  }
  return metrics;
}
