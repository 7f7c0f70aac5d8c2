/**
 * What a lease promises. Safety: it does not expire before its whole time to live has passed since the last renewal that a
 * server took; whoever holds it may rely on that. Liveness: once nobody renews it and no fault is about, it is gone within
 * its time to live and a bound (a new leader gives every lease its whole time again, so there may be a second one from
 * each change of leader on). And with a lease its keys are gone.
 *
 * All times are of one clock; drift is for the caller to allow for.
 */
import { assert } from "../assert.js";
import { formatDuration, type Micros } from "../units/time.js";
import { atText, type Violation } from "./history.js";

/** A request that sets a lease's time anew: its grant, or a keep-alive. */
export interface LeaseRenewal {
  readonly sentUs: Micros;
  /** When a server took it; absent: not known, or never. */
  readonly receivedUs?: Micros | undefined;
  /** When its sender was told that it succeeded; absent: never. */
  readonly answeredUs?: Micros | undefined;
}

export interface LeaseRecord {
  readonly id: number;
  readonly holder: string | number;
  /** As granted, which can be more than was asked for. */
  readonly ttlUs: Micros;
  readonly grant: LeaseRenewal;
  readonly keepAlives: readonly LeaseRenewal[];
  /** When clients asked for its end; afterwards it may end at any time. */
  readonly revokesSentUs: readonly Micros[];
  /** When its end was committed; absent: not within what was observed. */
  readonly goneUs?: Micros | undefined;
  /** Linearizable reads that showed a key attached to it. */
  readonly sightings: readonly LeaseSighting[];
}

export interface LeaseSighting {
  readonly client: string | number;
  readonly key: string;
  readonly callUs: Micros;
  readonly returnUs: Micros;
}

export interface LeaseCheckOptions {
  /** From then on no fault was about. */
  readonly faultsStoppedUs: Micros;
  /** The end of what was observed. */
  readonly observedUntilUs: Micros;
  /** How long beyond its time to live a lease may stay, then (finding it expired, electing a leader, committing its end). */
  readonly boundUs: Micros;
}

/** What is wrong with the leases, lease by lease in the order given. */
export function checkLeases(leases: readonly LeaseRecord[], options: LeaseCheckOptions): Violation[] {
  assert(options.boundUs >= 0, "the bound is a span");
  return leases.flatMap((lease) => [
    ...checkSafety(lease),
    ...checkLiveness(lease, options),
    ...checkSightings(lease),
  ]);
}

function checkSafety(lease: LeaseRecord): Violation[] {
  const { goneUs, ttlUs } = lease;
  if (goneUs === undefined || lease.revokesSentUs.some((sentUs) => sentUs <= goneUs)) return [];
  const violations: Violation[] = [];
  const early = [lease.grant, ...lease.keepAlives].filter(
    (renewal) => renewal.answeredUs !== undefined && takenUs(renewal) + ttlUs > goneUs,
  );
  for (const renewal of early) {
    const taken = takenUs(renewal);
    const what =
      taken > goneUs
        ? `renewed ${atText(taken)}, after it was gone`
        : `gone ${formatDuration(goneUs - taken)} after it was renewed (${atText(taken)}); expected to live on for ${formatDuration(ttlUs)}`;
    violations.push({
      rule: "lease-safety",
      atUs: goneUs,
      text: `${nameOf(lease)}, gone ${atText(goneUs)}: ${what}`,
    });
  }
  return violations.slice(-1);
}

function checkLiveness(lease: LeaseRecord, options: LeaseCheckOptions): Violation[] {
  const lastUs = Math.max(...[lease.grant, ...lease.keepAlives].map(latestUs));
  const deadlineUs = Math.max(lastUs, options.faultsStoppedUs) + lease.ttlUs + options.boundUs;
  const { goneUs } = lease;
  if (goneUs === undefined ? options.observedUntilUs <= deadlineUs : goneUs <= deadlineUs) return [];
  const until =
    goneUs === undefined ? `still there ${atText(options.observedUntilUs)}` : `gone only ${atText(goneUs)}`;
  const text =
    `${nameOf(lease)}: last renewed ${atText(lastUs)}, faults stopped ${atText(options.faultsStoppedUs)}; ` +
    `expected to be gone ${atText(deadlineUs)}, ${until}`;
  return [{ rule: "lease-liveness", atUs: goneUs ?? options.observedUntilUs, text }];
}

function checkSightings(lease: LeaseRecord): Violation[] {
  const { goneUs } = lease;
  if (goneUs === undefined) return [];
  return lease.sightings
    .filter((sighting) => sighting.callUs > goneUs)
    .map((sighting) => ({
      rule: "lease-keys",
      atUs: sighting.returnUs,
      text:
        `${nameOf(lease)}, gone ${atText(goneUs)}: client ${sighting.client} saw its key ${sighting.key} ` +
        `in a read called ${atText(sighting.callUs)}; expected to go with it`,
    }));
}

/** The earliest a server can have taken an answered renewal: nothing earlier may be concluded. */
function takenUs(renewal: LeaseRenewal): Micros {
  return renewal.receivedUs ?? renewal.sentUs;
}

/** The latest a server may have taken it, as far as is known. */
function latestUs(renewal: LeaseRenewal): Micros {
  return renewal.receivedUs ?? renewal.answeredUs ?? renewal.sentUs;
}

function nameOf(lease: LeaseRecord): string {
  return `lease ${lease.id} of ${lease.holder}`;
}
