/**
 * The quorum is lost while clients write; the survivor is made a group of its own (--force-new-cluster, or a snapshot
 * restored), and what had been acknowledged is looked for in it.
 */
import type { ClientHost, Sleeper } from "../../../etcd/client.js";
import type { Target } from "../../../etcd/client-record.js";
import { MILLISECOND, type Micros, SECOND } from "../../../units/time.js";
import type { MeasuredCase } from "./case.js";
import type { Fields } from "./fields.js";
import { Life } from "./life.js";
import { memberOf, readSetup, type Setup } from "./setup.js";
import { addTrial, type Columns, type Statistic, type Value } from "./statistic.js";
import { column } from "./trials.js";

export interface QuorumLossPlan {
  readonly setup: Setup;
  readonly leader: number;
  readonly lost: readonly number[];
  readonly survivor: number;
  readonly method: "force-new-cluster" | "snapshot";
  readonly writers: readonly {
    readonly centre: string;
    readonly member: number;
    readonly concurrent: number;
  }[];
  /** Acknowledged writes per second: how fast the measuring machine's writers were is theirs, so it is an input. */
  readonly ratesPerSecond: readonly number[];
  /** How long `etcdutl snapshot restore` took, ms. */
  readonly restoreMs: number;
  readonly longPuts: boolean;
  readonly valueBytes: number;
}

/** Writers run so long before the loss. */
const WRITES_MS = [1200, 1700] as const;
/** The members were killed this much after their links had been cut: acknowledgements up to 3 ms after the cut are on record, few. */
const KILLED_AFTER_MS = 1;
const PUTS_AFTER_LOSS = 3;
const PUT_AFTER_LOSS_MS = 700;
const LONG_PUT_MS = 15_000;
/** The put that is tried until the recovered group takes it. */
const RECOVERY_ATTEMPT_MS = 500;
const RECOVERY_PAUSE_MS = 10;
const RECOVERY_PATIENCE_MS = 60_000;
/** What an acknowledgement may be older than the line to the survivor is long: the answer's own way and handling. */
const LAW_SLACK_MS = 0.5;

export function readQuorumLoss(fields: Fields): MeasuredCase<QuorumLossPlan> {
  const setup = readSetup(fields);
  const trials = fields.each("trials", (trial) => trial);
  const lost = fields.texts("lost_members").map((name) => memberOf(name, setup, fields, "lost_members"));
  const survivor = memberOf(fields.text("survivor"), setup, fields, "survivor");
  if (lost.includes(survivor)) fields.mistake("survivor", "expected a member that was not lost");
  const writers = fields.each("writers", (writer) => ({
    centre: centreOf(writer, setup),
    member: memberOf(writer.text("member"), setup, writer, "member"),
    concurrent: writer.positive("concurrent"),
  }));
  const leaderName =
    typeof fields.raw("leader") === "string" ? fields.text("leader") : setup.members[0]?.name;
  const restoreTimes = trials.map((trial) => trial.maybe("restore_cmd_ms")).filter((one) => one !== null);
  const slowestUs = Math.max(...lost.map((member) => lineUs(setup, member, survivor)));
  return {
    kind: "quorum-loss",
    plan: {
      setup,
      leader: memberOf(leaderName ?? "", setup, fields, "leader"),
      lost,
      survivor,
      method: methodOf(fields),
      writers,
      ratesPerSecond: trials.map((trial) => trial.positive("write_rate_per_s")),
      restoreMs: middle(restoreTimes),
      longPuts: trials.some((trial) => !trial.isNothing("long_put")),
      valueBytes: fields.numberOr("value_bytes", 0),
    },
    statistics: [
      column("acknowledged writes per s", "printed", trials, (trial) => trial.number("write_rate_per_s")),
      column("acknowledged writes lost", "time", trials, (trial) => trial.number("acked_lost")),
      column("oldest lost acknowledgement, before the cut", "time", trials, (trial) =>
        trial.maybe("oldest_lost_ack_before_cut_ms"),
      ),
      {
        name: "ages of lost acknowledgements",
        rule: {
          says: "never older than the line to the survivor is long",
          min: Number.NEGATIVE_INFINITY,
          max: slowestUs / MILLISECOND + LAW_SLACK_MS,
        },
        measured: trials.flatMap((trial) => trial.numbers("lost_ack_ages_ms")),
      },
      column("recovery (kill to first write)", "time", trials, (trial) => trial.maybe("recovery_ms")),
      longPutStatistic(trials),
      column(
        "put answered between loss and recovery",
        { says: "no put without a quorum", min: 0, max: 0 },
        trials,
        (trial) =>
          trial.has("put_after_loss")
            ? trial.texts("put_after_loss").filter((one) => one === "ok").length
            : null,
      ),
    ],
    trialsPerLife: 1,
    summary: `${lost.length} of ${setup.members.length} lost, ${fields.textOr("method", "?")}, ${trials.length} trials`,
  };
}

function centreOf(writer: Fields, setup: Setup): string {
  const centre = writer.text("client_dc");
  if (!setup.centres.includes(centre))
    writer.mistake("client_dc", `expected one of ${setup.centres.join(", ")}`);
  return centre;
}

function methodOf(fields: Fields): QuorumLossPlan["method"] {
  const method = fields.text("method");
  if (/force/i.test(method)) return "force-new-cluster";
  if (/snapshot|restore|backup/i.test(method)) return "snapshot";
  fields.mistake("method", "expected force-new-cluster or a snapshot restore");
  return "snapshot";
}

function longPutStatistic(trials: readonly Fields[]): Statistic {
  const times = trials.map((trial) =>
    trial.isNothing("long_put") ? null : trial.fields("long_put").maybe("ms"),
  );
  return {
    name: "put without quorum, until the server gives up",
    rule: "latency",
    measured: times.filter((one): one is number => one !== null),
  };
}

function lineUs(setup: Setup, from: number, to: number): Micros {
  const place = (member: number): number => setup.centres.indexOf(setup.members[member]?.centre ?? "");
  return setup.oneWayUs[place(from)]?.[place(to)] ?? 0;
}

function middle(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}

export function playQuorumLoss(plan: QuorumLossPlan, seed: string): Columns {
  const { setup, leader, lost, survivor } = plan;
  const { ratesPerSecond: rates } = plan;
  const life = new Life(setup, seed);
  life.settle(leader);
  const rate = rates[Math.floor(life.uniform(0, rates.length))] ?? 100;
  const writers = startWriters(life, plan, rate);
  const startUs = life.nowUs;
  life.run(life.uniform(...WRITES_MS));
  const cutUs = life.nowUs;
  const links = life.linksAround([survivor]);
  life.cut(links);
  life.run(KILLED_AFTER_MS);
  life.kill(lost);
  for (const writer of writers) writer.stop();
  const putAnswered = putsWithoutQuorum(life, plan);
  const isLong = plan.longPuts && life.uniform(0, 1) < LONG_SHARE;
  const longPut = isLong ? longPutMs(life, survivor) : undefined;
  const recovery = recover(life, plan);
  const acked = writers.flatMap((writer) => writer.acked);
  const store = life.world.group.member(survivor).store;
  const isThere = (key: string): boolean => store !== undefined && store.get(key) !== undefined;
  const ages = acked.filter(({ key }) => !isThere(key)).map(({ us }) => (cutUs - us) / MILLISECOND);
  const columns: Columns = {
    "ages of lost acknowledgements": ages,
    "put without quorum, until the server gives up": longPut === undefined ? [] : [longPut],
  };
  addTrial(columns, {
    "acknowledged writes per s": (acked.length * SECOND) / (cutUs - startUs),
    "acknowledged writes lost": ages.length,
    "oldest lost acknowledgement, before the cut": ages.length === 0 ? null : Math.max(...ages),
    "recovery (kill to first write)": recovery,
    "put answered between loss and recovery": putAnswered,
  });
  return columns;
}

/** Of the trials, as many as had one in the recordings. */
const LONG_SHARE = 0.15;

function putsWithoutQuorum(life: Life, { survivor, setup }: QuorumLossPlan): number {
  let answered = 0;
  for (let put = 0; put < PUTS_AFTER_LOSS; put++) {
    const request = { type: "put", key: `after-loss-${put}`, value: "" } as const;
    const result = life.call(setup.members[survivor]?.centre ?? "", survivor, request, PUT_AFTER_LOSS_MS);
    if (result.type === "response" && result.response.outcome.type !== "error") answered++;
  }
  return answered;
}

function longPutMs(life: Life, survivor: number): Value {
  const startUs = life.nowUs;
  life.call(life.centreOf(survivor), survivor, { type: "put", key: "long", value: "" }, LONG_PUT_MS);
  return (life.nowUs - startUs) / MILLISECOND;
}

function recover(life: Life, { survivor, method, restoreMs }: QuorumLossPlan): Value {
  const { group } = life.world;
  const killUs = life.nowUs;
  life.kill([survivor]);
  if (method === "force-new-cluster") life.start(survivor, { forceNewCluster: true });
  else {
    const backup = group.databaseFile(survivor);
    life.run(restoreMs);
    life.start(survivor, { restore: { backup, members: [survivor] } });
  }
  while (life.nowUs - killUs < RECOVERY_PATIENCE_MS * MILLISECOND) {
    const request = { type: "put", key: "recovered", value: "" } as const;
    const result = life.call(life.centreOf(survivor), survivor, request, RECOVERY_ATTEMPT_MS);
    if (result.type === "response" && result.response.outcome.type !== "error")
      return (life.nowUs - killUs) / MILLISECOND;
    life.run(RECOVERY_PAUSE_MS);
  }
  return null;
}

interface Acknowledged {
  readonly key: string;
  readonly us: Micros;
}

function startWriters(life: Life, { writers, valueBytes }: QuorumLossPlan, rate: number): PacedWriter[] {
  const total = writers.reduce((sum, { concurrent }) => sum + concurrent, 0);
  const meanUs = (total * SECOND) / rate;
  return writers.flatMap(({ centre, member, concurrent }) =>
    Array.from(
      { length: concurrent },
      (_, index) =>
        new PacedWriter(
          life,
          life.client(centre),
          life.target(member),
          `${centre}-${member}-${index}`,
          meanUs,
          valueBytes,
        ),
    ),
  );
}

/**
 * Writes one new key after the other. The measured writers waited for the machine more than for etcd; here each write
 * begins an exponential time after the one before, or when that is answered, so that the mean rate is the measured one.
 */
class PacedWriter implements Sleeper {
  readonly acked: Acknowledged[] = [];
  #number = 0;
  #isStopped = false;
  readonly #life: Life;
  readonly #host: ClientHost;
  readonly #target: Target;
  readonly #name: string;
  readonly #meanUs: number;
  readonly #bytes: number;

  constructor(life: Life, host: ClientHost, target: Target, name: string, meanUs: number, bytes: number) {
    this.#life = life;
    this.#host = host;
    this.#target = target;
    this.#name = name;
    this.#meanUs = meanUs;
    this.#bytes = bytes;
    host.wakeAt(host.now + Math.round(life.uniform(0, meanUs)), this);
  }

  stop(): void {
    this.#isStopped = true;
  }

  wake(): void {
    if (this.#isStopped) return;
    const key = `${this.#name}-${this.#number++}`;
    const nextUs = this.#host.now - Math.round(this.#meanUs * Math.log(1 - this.#life.uniform(0, 1)));
    const request = { type: "put", key, value: "", bytes: this.#bytes } as const;
    this.#host.call(this.#target.host, request, ACKNOWLEDGEMENT_TIMEOUT_US, (result) => {
      const now = this.#host.now;
      if (result.type === "response" && result.response.outcome.type !== "error")
        this.acked.push({ key, us: now });
      this.#host.wakeAt(Math.max(now + 1, nextUs), this);
    });
  }
}

const ACKNOWLEDGEMENT_TIMEOUT_US = SECOND;
