/** The still world as it is written: sites, centres, node pools, links. */
import { z } from "zod";
import { TOPOLOGY_DEFAULTS } from "./defaults.js";
import { oneOf, optional, stringMap } from "./fields.js";
import { distribution, name, quantity, share, wholeNumber } from "./scalars.js";

const taint = z.strictObject({
  key: z.string().min(1).describe("Taint key."),
  value: optional(z.string(), "Taint value.", ""),
  effect: oneOf(["NoSchedule", "PreferNoSchedule", "NoExecute"]).describe(
    "NoSchedule, PreferNoSchedule or NoExecute.",
  ),
});

const nodePool = z.strictObject({
  name: name.describe("Unique in its centre; nodes are called <centre>-<pool>-<ordinal from 0>."),
  count: wholeNumber(0, 200_000).describe("Nodes."),
  allocatable: z
    .record(z.string(), quantity)
    .describe(
      `Resources for pods, as in a Node's status.allocatable; pods is ${TOPOLOGY_DEFAULTS.pods} if not given.`,
    ),
  labels: optional(stringMap, "Labels besides hostname, zone, region, rack and pool.", {}),
  taints: optional(z.array(taint), "Taints.", []),
});

const centre = z.strictObject({
  name: name.describe("Unique; the nodes' topology.kubernetes.io/zone."),
  racks: optional(wholeNumber(0, 100_000), "Racks; the nodes of all pools go round robin over them.", 0),
  nodePools: optional(z.array(nodePool), "Alike nodes.", []),
});

const site = z.strictObject({
  name: name.describe("Unique; the nodes' topology.kubernetes.io/region."),
  centres: z.array(centre).min(1).describe("Data centres."),
});

export const linkEnds = {
  between: z.tuple([name, name]).describe("Two centres; both directions are alike."),
  from: name.describe("Centre; with `to`: this direction only."),
  to: name.describe("Centre."),
};

const link = z
  .strictObject({
    between: linkEnds.between.optional(),
    from: linkEnds.from.optional(),
    to: linkEnds.to.optional(),
    oneWay: optional(distribution, "One-way latency; default: by whether the two centres share a site."),
    loss: optional(share, "Share of messages lost.", TOPOLOGY_DEFAULTS.loss),
  })
  .refine(hasEnds, { error: "expected either between: [a, b] or from and to" })
  .meta({ oneOf: [{ required: ["between"] }, { required: ["from", "to"] }] });

function hasEnds(value: { between?: unknown; from?: unknown; to?: unknown }): boolean {
  if (value.between !== undefined) return value.from === undefined && value.to === undefined;
  return value.from !== undefined && value.to !== undefined;
}

export const topology = z.strictObject({
  sites: optional(
    z.array(site),
    "Sites; left out: zones and regions of the Node objects in the manifests.",
    [],
  ),
  links: optional(
    z.array(link),
    "Links between centres; a pair without one has the default latency and no loss.",
    [],
  ),
  latency: optional(
    z.strictObject({
      withinCentre: optional(
        distribution,
        "One way, between two machines of a centre.",
        TOPOLOGY_DEFAULTS.withinCentre,
      ),
      sameSite: optional(distribution, "One way, between centres of a site.", TOPOLOGY_DEFAULTS.sameSite),
      otherSite: optional(
        distribution,
        "One way, between centres of different sites.",
        TOPOLOGY_DEFAULTS.otherSite,
      ),
    }),
    "Latencies where no link says otherwise.",
  ),
});

export type TopologyWritten = z.infer<typeof topology>;
