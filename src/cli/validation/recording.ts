/**
 * A recorded timeline of a real control plane, read from its file: what was set up, what was done to it, what was seen.
 * Times are milliseconds from the start of the recording.
 */

/** `[ms, kind, name, what, detail]`, as a watching client noted it. */
export interface TimelineRow {
  readonly ms: number;
  readonly kind: string;
  readonly name: string;
  readonly what: string;
  readonly detail: unknown;
}

export interface Crash {
  readonly ms: number;
  readonly node: string;
  readonly lastRenewMs: number;
  readonly lastStatusMs: number;
}

export interface Recovery {
  readonly ms: number;
  readonly node: string;
  /** `restart`: the kubelet starts anew; `partition-heal`: its old loops go on. */
  readonly mode: "restart" | "partition-heal";
}

export interface Recording {
  readonly name: string;
  readonly family: string;
  /** Zone name → nodes, named `<zone>-<two digits>`. */
  readonly zones: ReadonlyMap<string, number>;
  readonly replicas: number;
  /** tolerationSeconds of the Deployment's pods; undefined: admission's default. */
  readonly tolerationSeconds: number | undefined;
  /** Flag without dashes → value. */
  readonly controllerManagerFlags: ReadonlyMap<string, string>;
  readonly startDelayMs: number;
  readonly terminationMs: number;
  readonly crashes: readonly Crash[];
  readonly recoveries: readonly Recovery[];
  /** Injections of kinds that this program does not repeat. */
  readonly otherInjections: readonly string[];
  readonly endMs: number;
  readonly timeline: readonly TimelineRow[];
}

/** Why a file cannot be compared. */
export class UnusableRecording extends Error {
  override readonly name = "UnusableRecording";
}

/** Reads a recording; throws {@link UnusableRecording} with what was expected. */
export function readRecording(text: string): Recording {
  const data = jsonOf(text);
  const file = fieldsOf(data, "the file");
  const parameters = fieldsOf(file.parameters, "parameters");
  const kubelet = fieldsOf(file.fake_kubelet, "fake_kubelet");
  const timeline = rowsOf(file.timeline);
  const crashes: Crash[] = [];
  const recoveries: Recovery[] = [];
  const others = new Set<string>();
  for (const row of timeline) {
    if (row.kind !== "inj") continue;
    if (row.what === "crash") crashes.push(crashOf(row));
    else if (row.what === "recover") recoveries.push(recoveryOf(row));
    else if (!["up", "ready", "t0"].includes(row.what)) others.add(row.what);
  }
  const tolerated = parameters.tol;
  return {
    name: textOf(file.case, "case"),
    family: textOf(file.family, "family"),
    zones: new Map(
      Object.entries(fieldsOf(parameters.zones, "parameters.zones")).map(([zone, nodes]) => [
        zone,
        numberOf(nodes, `parameters.zones.${zone}`),
      ]),
    ),
    replicas: numberOf(parameters.replicas, "parameters.replicas"),
    tolerationSeconds: tolerated === undefined ? undefined : numberOf(tolerated, "parameters.tol"),
    controllerManagerFlags: flagsOf(file.kcm_flags),
    startDelayMs: numberOf(kubelet.start_delay_ms, "fake_kubelet.start_delay_ms"),
    terminationMs: numberOf(kubelet.termination_ms, "fake_kubelet.termination_ms"),
    crashes,
    recoveries,
    otherInjections: [...others],
    endMs: timeline.reduce((latest, row) => Math.max(latest, row.ms), 0),
    timeline,
  };
}

export function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new UnusableRecording(`expected JSON: ${error instanceof Error ? error.message : "unreadable"}`);
  }
}

export function rowsOf(data: unknown): TimelineRow[] {
  if (!Array.isArray(data)) throw new UnusableRecording("expected timeline to be a list");
  return data.map((row: unknown, index) => {
    if (!Array.isArray(row)) throw new UnusableRecording(`expected timeline[${index}] to be a list`);
    const [ms, kind, name, what, detail] = row as unknown[];
    return {
      ms: numberOf(ms, `timeline[${index}][0]`),
      kind: textOf(kind, `timeline[${index}][1]`),
      name: String(name),
      what: String(what),
      detail,
    };
  });
}

function crashOf(row: TimelineRow): Crash {
  const detail = fieldsOf(row.detail, `the crash of ${row.name}`);
  return {
    ms: row.ms,
    node: row.name,
    lastRenewMs: numberOf(detail.last_renew, `last_renew of ${row.name}`),
    lastStatusMs: numberOf(detail.last_status, `last_status of ${row.name}`),
  };
}

function recoveryOf(row: TimelineRow): Recovery {
  const mode = row.detail;
  if (mode !== "restart" && mode !== "partition-heal") {
    throw new UnusableRecording(`expected ${row.name} to recover by "restart" or "partition-heal"`);
  }
  return { ms: row.ms, node: row.name, mode };
}

export function flagsOf(data: unknown): Map<string, string> {
  const flags = new Map<string, string>();
  for (const flag of Array.isArray(data) ? (data as unknown[]) : []) {
    const [, name, value] = /^--([^=]+)=(.*)$/.exec(String(flag)) ?? [];
    if (name === undefined || value === undefined) {
      throw new UnusableRecording(`expected a flag "--name=value", not ${JSON.stringify(flag)}`);
    }
    flags.set(name, value);
  }
  return flags;
}

export function fieldsOf(data: unknown, what: string): Readonly<Record<string, unknown>> {
  if (typeof data !== "object" || data === null || Array.isArray(data)) {
    throw new UnusableRecording(`expected ${what} to have fields`);
  }
  return data as Readonly<Record<string, unknown>>;
}

export function numberOf(data: unknown, what: string): number {
  if (typeof data !== "number" || !Number.isFinite(data)) {
    throw new UnusableRecording(`expected ${what} to be a number`);
  }
  return data;
}

export function textOf(data: unknown, what: string): string {
  if (typeof data !== "string") throw new UnusableRecording(`expected ${what} to be a text`);
  return data;
}
