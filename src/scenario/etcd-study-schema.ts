/**
 * The file of a study of etcd, as it is written: only shapes are held here, the rest is in etcd-study-checks.ts and in
 * the compilation. Descriptions, units and defaults go into the JSON Schema and into docs/ETCD.md.
 */
import { z } from "zod";
import {
  ETCD_CLIENT_DEFAULTS as CLIENT,
  ETCD_COST_DEFAULTS as COST,
  ETCD_FLAG_DEFAULTS as FLAG,
  ETCD_NETWORK_DEFAULTS as NETWORK,
  ETCD_STUDY_DEFAULTS as STUDY,
} from "./etcd-study-defaults.js";
import { exactlyOne, flag, oneOf, optional, trueOnly, withExactlyOneOf } from "./fields.js";
import { distribution, duration, name, positiveDuration, quantity, share, wholeNumber } from "./scalars.js";
import { SCENARIO_API_VERSION } from "./schema.js";

/** Two ends of a link: centres or members. */
const ends = {
  between: z.tuple([name, name]).describe("Two centres or members; both directions."),
  link: z
    .strictObject({ from: name.describe("A centre or member."), to: name.describe("A centre or member.") })
    .describe("One direction between two centres or members."),
};

const line = {
  oneWay: optional(distribution, "One-way delay of a packet.", NETWORK.oneWay),
  jitter: optional(
    duration,
    "Each packet takes up to this much longer, all equally likely; with a oneWay that is one duration.",
    NETWORK.jitter,
  ),
  loss: optional(share, "Share of packets lost.", NETWORK.loss),
};

const link = withExactlyOneOf(
  z.strictObject({
    between: ends.between.optional(),
    link: ends.link.optional(),
    oneWay: optional(distribution, "As of betweenCentres, which also is the default."),
    jitter: optional(duration, "The same."),
    loss: optional(share, "The same."),
  }),
  ["between", "link"],
);

const network = z.strictObject({
  centres: z.array(name).min(1).describe("Data centres, each with a name of its own."),
  withinCentre: optional(distribution, "One-way delay inside a centre.", NETWORK.withinCentre),
  betweenCentres: optional(z.strictObject(line), "Between two centres where no link says otherwise."),
  links: optional(z.array(link), "Links between centres, or between single members; later ones win.", []),
});

const member = z.strictObject({
  name: name.describe("Unique."),
  centre: name.describe("Where it stands."),
  learner: optional(flag, "It has no vote; with joinsLater: it is added as a learner.", false),
  joinsLater: optional(flag, "No founder: down and empty until an addMember event.", false),
});

const members = z.union([z.record(name, wholeNumber(0, 100)), z.array(member).min(1)], {
  error: "expected a list of members, or a mapping of centres to their number of members",
});

const etcd = z.strictObject({
  heartbeatInterval: optional(positiveDuration, "--heartbeat-interval: one tick.", FLAG.heartbeatInterval),
  electionTimeout: optional(
    positiveDuration,
    "--election-timeout: at least 5 heartbeats, at most 50s.",
    FLAG.electionTimeout,
  ),
  preVote: optional(flag, "--pre-vote.", FLAG.preVote),
  checkQuorum: optional(flag, "A leader without a quorum steps down; etcd always does it.", FLAG.checkQuorum),
  tickPhase: optional(
    oneOf(["together", "drawn"]),
    "Whether the members' tickers run in phase, as those of members started together do.",
    FLAG.tickPhase,
  ),
  snapshotCount: optional(wholeNumber(1), "--snapshot-count: entries between snapshots.", FLAG.snapshotCount),
  snapshotCatchUpEntries: optional(
    wholeNumber(1),
    "Entries kept behind a snapshot for slow followers.",
    FLAG.snapshotCatchUpEntries,
  ),
  quota: optional(quantity, "--quota-backend-bytes.", FLAG.quota),
  strictReconfigCheck: optional(flag, "--strict-reconfig-check.", FLAG.strictReconfigCheck),
  maxLearners: optional(wholeNumber(0), "--experimental-max-learners.", FLAG.maxLearners),
});

const costs = z.strictObject({
  request: optional(
    distribution,
    "Handling of one client request, half before and half after.",
    COST.request,
  ),
  fsync: optional(distribution, "One fsync of the write-ahead log.", COST.fsync),
  apply: optional(duration, "Applying one entry.", COST.apply),
  boot: optional(distribution, "From a process' start until it dials its peers.", COST.boot),
});

const client = z
  .strictObject({
    name: name.describe("Unique; its name in results and, of a writer, its key."),
    centre: optional(name, "Where it stands; left out: one stands in each centre, called NAME-CENTRE."),
    op: optional(oneOf(["put", "linearizableRead", "serializableRead"]), "What it asks for.", CLIENT.op),
    asks: optional(name, "A member, or `nearest`: by delay, then in the file's order.", CLIENT.asks),
    failover: optional(flag, "After a failure it asks the next nearest member.", CLIENT.failover),
    pause: optional(distribution, "One operation at a time: from an answer to the next.", CLIENT.pause),
    every: optional(
      distribution,
      "In place of pause: an operation so long after the last began, answered or not.",
    ),
    retryPause: optional(
      positiveDuration,
      "From a failure to the next operation, without `every`.",
      CLIENT.retryPause,
    ),
    timeout: optional(positiveDuration, "An operation that takes longer is given up.", CLIENT.timeout),
    reads: optional(name, "The writer whose key a reader reads; default: the first."),
    valueSize: optional(quantity, "Bytes of a written value; default: a few."),
  })
  .refine((value) => value.pause === undefined || value.every === undefined, {
    error: "expected at most one of pause and every",
  })
  .meta({ not: { required: ["pause", "every"] } });

const scope = exactlyOne({
  member: name.describe("A member.").optional(),
  members: z.array(name).min(1).describe("Several members at once.").optional(),
  centre: name.describe("All members of a centre.").optional(),
  leader: trueOnly.describe("Whoever leads then; nobody does: as soon as somebody does.").optional(),
  leaderCentre: trueOnly.describe("The centre of whoever leads then.").optional(),
  eachMember: trueOnly.describe("Each member by itself.").optional(),
  eachCentre: trueOnly.describe("Each centre by itself.").optional(),
  between: ends.between.optional(),
  link: ends.link.optional(),
});

export const EVENT_KINDS = [
  "kill",
  "powerOff",
  "isolate",
  "cut",
  "degrade",
  "slowDisk",
  "start",
  "moveLeader",
  "addMember",
  "promote",
  "removeMember",
  "forceNewCluster",
  "backup",
  "restore",
] as const;

const event = withExactlyOneOf(
  z.strictObject({
    name: optional(name, "Unique; default: its kind and whom it strikes."),
    kind: oneOf(EVENT_KINDS).describe(
      "What happens: kill (kill -9), powerOff, isolate (a member from the other members, a centre from the rest), cut (a link), degrade (a link), slowDisk, start (a process that is down), moveLeader (to the member), addMember, promote, removeMember, forceNewCluster (of the member's copy), backup (of its database), restore (into a new group of the members).",
    ),
    scope: scope.describe("Whom or what it strikes."),
    at: optional(
      z.union([duration, z.array(duration).min(1)], { error: "expected a duration, or a list of them" }),
      "When, counted from the run's start.",
    ),
    every: optional(positiveDuration, "Again and again, this far apart, until the horizon."),
    timeToFailure: optional(
      distribution,
      "Drawn time until it happens, counted from `start` and from each end.",
    ),
    after: optional(
      z.strictObject({
        event: name.describe("Another event's name."),
        delay: optional(distribution, "So long after it began.", "0s"),
      }),
      "After each occurrence of another event.",
    ),
    start: optional(
      duration,
      "With every: the first time (default: one interval after the warm-up). With timeToFailure: counted from then (default: the warm-up's end).",
    ),
    count: optional(wholeNumber(1), "With every: at most so often."),
    spread: optional(duration, "Each time comes up to this much later, all equally likely.", "0s"),
    for: optional(distribution, "It ends after this; left out: never."),
    direction: optional(
      oneOf(["both", "in", "out"]),
      "Of isolate: what no longer passes, seen from inside.",
      "both",
    ),
    oneWay: optional(distribution, "Of degrade: the delay meanwhile."),
    loss: optional(share, "Of degrade: the share of packets lost meanwhile."),
    fsync: optional(distribution, "Of slowDisk: an fsync meanwhile."),
    from: optional(name, "Of restore: the event that took the backup."),
  }),
  ["at", "every", "timeToFailure", "after"],
);

const setting = z.record(z.string().min(1), z.unknown());

const axis = withExactlyOneOf(
  z.strictObject({
    name: optional(name, "Its name in results; default: the last part of its path."),
    path: optional(
      z.string({ error: "expected the path of a field below spec" }).min(1),
      "A field below spec, such as etcd.electionTimeout or network.links[0].oneWay.",
    ),
    values: optional(z.array(z.unknown()).min(1), "With path: the field's values."),
    variants: optional(
      z
        .array(
          z.strictObject({
            name: z
              .string({ error: "expected text (quote numbers)" })
              .min(1)
              .describe("Its label in results."),
            set: optional(setting, "Fields below spec, by path, with their values.", {}),
          }),
        )
        .min(1),
      "In place of path and values: each sets several fields.",
    ),
  }),
  ["path", "variants"],
)
  .refine((value) => (value.path === undefined) === (value.values === undefined), {
    error: "expected path and values together",
  })
  .meta({ dependentRequired: { path: ["values"], values: ["path"] } });

export const etcdSweepSchema = z.array(axis);

const specFields = {
  question: optional(z.string().min(1), "What is asked; printed above the answer."),
  seed: optional(
    z.union([z.string(), z.int()], { error: "expected text or a whole number" }),
    "Root of all draws: the same file and seed give the same bytes.",
    STUDY.seed,
  ),
  replications: optional(wholeNumber(1, 100_000), "Runs of each cell.", STUDY.replications),
  warmUp: optional(duration, "Left out of results: the group's start.", STUDY.warmUp),
  horizon: positiveDuration.describe("End of a run, warm-up included."),
  network: network.describe("Centres and the lines between them."),
  members: members.describe(
    "etcd members: a list, or how many in each centre (called CENTRE-ORDINAL, from 0).",
  ),
  etcd: optional(etcd, "etcd's own settings."),
  costs: optional(costs, "What takes time at a member."),
  clients: optional(z.array(client), "Who asks.", []),
  events: optional(z.array(event), "What happens.", []),
  metrics: optional(
    z.strictObject({
      outageGap: optional(
        positiveDuration,
        "A client without an answer for longer is without service.",
        STUDY.outageGap,
      ),
    }),
    "How results are measured.",
  ),
};

/** One cell's spec, as it is after the sweep has been applied. */
export const etcdCellSchema = z.strictObject(specFields);

const spec = z.strictObject({
  ...specFields,
  horizon: specFields.horizon.optional(),
  network: specFields.network.optional(),
  members: specFields.members.optional(),
  sweep: optional(etcdSweepSchema, "What is varied: every combination is a cell.", []),
});

export const etcdStudySchema = z
  .strictObject({
    apiVersion: z
      .literal(SCENARIO_API_VERSION, { error: `expected ${SCENARIO_API_VERSION}` })
      .describe(`${SCENARIO_API_VERSION}.`),
    kind: z.literal("EtcdStudy", { error: "expected EtcdStudy" }).describe("EtcdStudy."),
    metadata: z
      .strictObject({ name: name.describe("Names the folder of results.") })
      .describe("Who the study is."),
    spec: spec.describe("What is simulated."),
  })
  .describe("A study of etcd.");

export type EtcdStudyWritten = z.infer<typeof etcdStudySchema>;
export type EtcdCellWritten = z.infer<typeof etcdCellSchema>;
export type EtcdClientWritten = z.infer<typeof client>;
export type EtcdEventWritten = z.infer<typeof event>;
export type EtcdScopeWritten = z.infer<typeof scope>;
export type EtcdMemberWritten = z.infer<typeof member>;
export type EtcdAxisWritten = z.infer<typeof axis>;
