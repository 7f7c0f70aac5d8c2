/** The volume plugins, rule by rule, as kube-scheduler v1.34.1 has them (docs/VOLUMES.md); no recording covers them. */
import { describe, expect, it } from "vitest";
import type { InTreeDisk, Labels, Volume, VolumeObject } from "../../src/api/objects.js";
import { RandomStreams } from "../../src/engine/random.js";
import { SchedulingFramework } from "../../src/policies/framework/framework.js";
import { Nominator } from "../../src/policies/framework/nominator.js";
import type { PluginFactory } from "../../src/policies/framework/types.js";
import { ensureClaims } from "../../src/policies/framework/volumes.js";
import { nodeVolumeLimits } from "../../src/policies/kubernetes/node-volume-limits.js";
import { volumeBinding } from "../../src/policies/kubernetes/volume-binding.js";
import { SELECTED_NODE } from "../../src/policies/kubernetes/volume-claims.js";
import { bindImmediateClaims, bindPodVolumes } from "../../src/policies/kubernetes/volume-controller.js";
import { volumeRestrictions } from "../../src/policies/kubernetes/volume-restrictions.js";
import { volumeZone } from "../../src/policies/kubernetes/volume-zone.js";
import { defaultProfile } from "../../src/policies/profiles.js";
import { shelfWith } from "../../src/policies/shelf.js";
import { type PodText, SmallCluster, verdict } from "./small-cluster.js";
import { claim, csiNode, GIB, meta, storageClass, tableOf, volume, within } from "./small-volumes.js";

const ZONE = "topology.kubernetes.io/zone";
const REGION = "topology.kubernetes.io/region";
const ZONE_BETA = "failure-domain.beta.kubernetes.io/zone";

interface Case {
  readonly rule: string;
  readonly objects?: readonly VolumeObject[];
  /** What the incoming pod mounts; claims by name. */
  readonly mounts?: readonly (string | Volume)[];
  readonly pod?: PodText;
  /** Labels of the nodes; by default one node in zone "a". */
  readonly nodes?: readonly Labels[];
  /** Pods on the nodes. */
  readonly existing?: readonly (readonly PodText[])[];
  /** PreFilter's words, "skip", or each node's verdict. */
  readonly expected: string | readonly string[];
}

function mount(what: string | Volume, index: number): Volume {
  return typeof what === "string" ? { name: `v${index}`, claimName: what } : what;
}

function mounting(...what: (string | Volume)[]): PodText {
  return { volumes: what.map(mount) };
}

function ask(factory: PluginFactory, { objects = [], mounts = [], pod, nodes, existing }: Case): unknown {
  const texts = (nodes ?? [{ [ZONE]: "a" }]).map((labels, i) => {
    return { name: `n${i}`, labels, pods: existing?.[i] ?? [] };
  });
  const cluster = new SmallCluster(texts);
  cluster.cache.setVolumes(tableOf(...objects));
  const plugin = cluster.plugin(factory);
  const incoming = cluster.pod({ name: "new", ...pod, volumes: mounts.map(mount) });
  const answer = plugin.preFilter?.(cluster.cache, incoming);
  if (answer === undefined || answer.kind === "skip") return "skip";
  if (answer.kind === "reject") return verdict(answer.rejection);
  return texts.map((_, node) => verdict(plugin.filter?.(cluster.cache, incoming, node, answer.state)));
}

function table(factory: PluginFactory, cases: readonly Case[]): void {
  it.each(cases)("$rule", (row) => {
    expect(ask(factory, row)).toEqual(row.expected);
  });
}

const DISK = "U node(s) had no available disk";
const IN_USE =
  "U node(s) unavailable due to PersistentVolumeClaim with ReadWriteOncePod access mode already in-use by another pod";

function disk(of: InTreeDisk): Volume {
  return { name: "disk", disk: of };
}

const gce = (readOnly: boolean, pdName = "pd") => disk({ type: "gcePersistentDisk", pdName, readOnly });
const ebs = (volumeID: string) => disk({ type: "awsElasticBlockStore", volumeID });
const iscsi = (readOnly: boolean, iqn = "iqn") => disk({ type: "iscsi", iqn, readOnly });
const rbd = (readOnly: boolean, rest: { monitors?: string[]; pool?: string; image?: string } = {}) =>
  disk({ type: "rbd", monitors: ["m1", "m2"], pool: "rbd", image: "i", ...rest, readOnly });

describe("VolumeRestrictions", () => {
  const single = claim("single", { accessModes: ["ReadWriteOncePod"] });
  table(volumeRestrictions, [
    { rule: "has nothing to say of a pod without volumes", expected: "skip" },
    {
      rule: "needs the claim to exist",
      mounts: ["data"],
      expected: 'UaU persistentvolumeclaim "data" not found',
    },
    {
      rule: "lets pods share a ReadWriteOnce claim",
      objects: [claim("data")],
      mounts: ["data"],
      existing: [[mounting("data")]],
      expected: "skip",
    },
    {
      rule: "skips a ReadWriteOncePod claim that nobody uses",
      objects: [single],
      mounts: ["single"],
      expected: "skip",
    },
    {
      rule: "refuses every node while a ReadWriteOncePod claim is in use anywhere, as preemption could change that",
      objects: [single],
      mounts: ["single"],
      nodes: [{}, {}],
      existing: [[mounting("single")], []],
      expected: [IN_USE, IN_USE],
    },
    {
      rule: "keeps claims of one name in two namespaces apart",
      objects: [single],
      mounts: ["single"],
      existing: [[{ ...mounting("single"), namespace: "other" }]],
      expected: "skip",
    },
    {
      rule: "does not ask what an ephemeral volume's claim allows",
      mounts: [{ name: "tmp", ephemeral: { labels: {}, annotations: {}, spec: single.spec } }],
      expected: "skip",
    },
    {
      rule: "refuses a GCE disk that is mounted there",
      mounts: [gce(false)],
      nodes: [{}, {}],
      existing: [[mounting(gce(true))], []],
      expected: [DISK, "ok"],
    },
    {
      rule: "lets a GCE disk be mounted read-only by all",
      mounts: [gce(true)],
      existing: [[mounting(gce(true))]],
      expected: ["ok"],
    },
    {
      rule: "refuses a GCE disk mounted read-only by others only",
      mounts: [gce(false)],
      existing: [[mounting(gce(true))]],
      expected: [DISK],
    },
    {
      rule: "lets two GCE disks be",
      mounts: [gce(false)],
      existing: [[mounting(gce(false, "other"))]],
      expected: ["ok"],
    },
    {
      rule: "refuses a second mount of an EBS volume",
      mounts: [ebs("v")],
      existing: [[mounting(ebs("v"))]],
      expected: [DISK],
    },
    {
      rule: "lets two EBS volumes be",
      mounts: [ebs("v")],
      existing: [[mounting(ebs("w"))]],
      expected: ["ok"],
    },
    {
      rule: "refuses an iSCSI target that is written to",
      mounts: [iscsi(true)],
      existing: [[mounting(iscsi(false))]],
      expected: [DISK],
    },
    {
      rule: "lets an iSCSI target be read by all",
      mounts: [iscsi(true)],
      existing: [[mounting(iscsi(true))]],
      expected: ["ok"],
    },
    {
      rule: "lets two iSCSI targets be",
      mounts: [iscsi(false)],
      existing: [[mounting(iscsi(false, "b"))]],
      expected: ["ok"],
    },
    {
      rule: "refuses an RBD image of a shared monitor, pool and name",
      mounts: [rbd(false)],
      existing: [[mounting(rbd(false, { monitors: ["m2", "m3"] }))]],
      expected: [DISK],
    },
    {
      rule: "lets RBD images of other monitors be",
      mounts: [rbd(false)],
      existing: [[mounting(rbd(false, { monitors: ["m3"] }))]],
      expected: ["ok"],
    },
    {
      rule: "lets RBD images of another pool be",
      mounts: [rbd(false)],
      existing: [[mounting(rbd(false, { pool: "p" }))]],
      expected: ["ok"],
    },
    {
      rule: "lets an RBD image be read by all",
      mounts: [rbd(true)],
      existing: [[mounting(rbd(true))]],
      expected: ["ok"],
    },
    {
      rule: "knows disks of different kinds apart",
      mounts: [gce(false)],
      existing: [[mounting(ebs("pd"), iscsi(false, "pd"), rbd(false, { image: "pd" }))]],
      expected: ["ok"],
    },
  ]);

  it("follows pods that leave and come: the claim is free once its user is gone", () => {
    const cluster = new SmallCluster([{ name: "n0", pods: [mounting("single")] }]);
    cluster.cache.setVolumes(tableOf(single));
    const plugin = cluster.plugin(volumeRestrictions);
    const incoming = cluster.pod(mounting("single"));
    const answer = plugin.preFilter?.(cluster.cache, incoming);
    if (answer?.kind !== "state") throw new Error("the claim is in use");
    const [user] = cluster.cache.podsOn(0);
    if (user === undefined) throw new Error("a pod uses the claim");
    plugin.removePod?.(answer.state, cluster.cache, incoming, user, 0);
    expect(verdict(plugin.filter?.(cluster.cache, incoming, 0, answer.state))).toBe("ok");
    plugin.addPod?.(answer.state, cluster.cache, incoming, user, 0);
    expect(verdict(plugin.filter?.(cluster.cache, incoming, 0, answer.state))).toBe(IN_USE);
  });
});

describe("NodeVolumeLimits", () => {
  const TOO_MANY = "U node(s) exceed max volume count";
  const csi = (name: string) => volume(name, { csi: { driver: "csi.example.com", volumeHandle: name } });
  const bound = (name: string) => [claim(name, { volumeName: `pv-${name}` }), csi(`pv-${name}`)];
  const wait = storageClass("wait");
  const attachment = (pv: string) => ({
    kind: "VolumeAttachment" as const,
    metadata: meta(`at-${pv}`),
    attacher: "csi.example.com",
    nodeName: "n0",
    persistentVolumeName: pv,
  });
  table(nodeVolumeLimits, [
    { rule: "has nothing to say of a pod without claims", mounts: [ebs("v")], expected: "skip" },
    {
      rule: "counts nothing where no driver named a limit",
      objects: [...bound("a"), csiNode("n0")],
      mounts: ["a"],
      expected: ["ok"],
    },
    {
      rule: "counts nothing on a node without a CSINode",
      objects: bound("a"),
      mounts: ["a"],
      expected: ["ok"],
    },
    {
      rule: "refuses a node whose driver takes no more",
      objects: [...bound("a"), ...bound("b"), csiNode("n0", 1), csiNode("n1", 2)],
      mounts: ["a"],
      nodes: [{}, {}],
      existing: [[mounting("b")], []],
      expected: [TOO_MANY, "ok"],
    },
    {
      rule: "counts all volumes of the incoming pod",
      objects: [...bound("a"), ...bound("b"), csiNode("n0", 1)],
      mounts: ["a", "b"],
      expected: [TOO_MANY],
    },
    {
      rule: "counts a volume once that several pods use",
      objects: [...bound("a"), csiNode("n0", 1)],
      mounts: ["a"],
      existing: [[mounting("a"), mounting("a")]],
      expected: ["ok"],
    },
    {
      rule: "counts a volume that is attached though nobody uses it",
      objects: [...bound("a"), csi("left"), attachment("left"), csiNode("n0", 1)],
      mounts: ["a"],
      expected: [TOO_MANY],
    },
    {
      rule: "counts an attached volume once that a pod uses",
      objects: [...bound("a"), ...bound("b"), attachment("pv-b"), csiNode("n0", 2)],
      mounts: ["a"],
      existing: [[mounting("b")]],
      expected: ["ok"],
    },
    {
      rule: "counts a volume still to be made by its class' provisioner",
      objects: [claim("a", { storageClassName: "wait" }), wait, ...bound("b"), csiNode("n0", 1)],
      mounts: ["a"],
      existing: [[mounting("b")]],
      expected: [TOO_MANY],
    },
    {
      rule: "does not count volumes of other drivers",
      objects: [...bound("a"), claim("b", { volumeName: "nfs" }), volume("nfs"), csiNode("n0", 1)],
      mounts: ["a"],
      existing: [[mounting("b")]],
      expected: ["ok"],
    },
    {
      rule: "does not count missing claims of pods that run",
      objects: [...bound("a"), csiNode("n0", 1)],
      mounts: ["a"],
      existing: [[mounting("gone")]],
      expected: ["ok"],
    },
    {
      rule: "needs the incoming pod's claims",
      objects: [csiNode("n0", 1)],
      mounts: ["gone"],
      expected: ['UaU looking up PVC default/gone: persistentvolumeclaim "gone" not found'],
    },
    {
      rule: "needs an ephemeral volume's claim to be the pod's own",
      objects: [claim("new-tmp"), csiNode("n0", 1)],
      mounts: [{ name: "tmp", ephemeral: { labels: {}, annotations: {}, spec: claim("x").spec } }],
      expected: ["UaU PVC default/new-tmp was not created for pod default/new (pod is not owner)"],
    },
  ]);
});

describe("VolumeBinding", () => {
  const NODE = "UaU node(s) had volume node affinity conflict";
  const BIND = "UaU node(s) didn't find available persistent volumes to bind";
  const IMMEDIATE = "UaU pod has unbound immediate PersistentVolumeClaims";
  const AB = [{ [ZONE]: "a" }, { [ZONE]: "b" }];
  const wait = storageClass("wait");
  const local = storageClass("local", { provisioner: "kubernetes.io/no-provisioner" });
  const inA = { nodeAffinity: within(ZONE, "a") };
  const template = { labels: {}, annotations: {}, spec: claim("x").spec };
  const waiting = claim("data", { storageClassName: "wait" });
  const waitingLocal = claim("data", { storageClassName: "local" });
  const pv = (name: string, rest: Parameters<typeof volume>[1] = {}) =>
    volume(name, { storageClassName: "local", ...rest });
  table(volumeBinding, [
    { rule: "has nothing to say of a pod without claims", expected: "skip" },
    {
      rule: "needs the claim to exist",
      mounts: ["data"],
      expected: 'UaU persistentvolumeclaim "data" not found',
    },
    {
      rule: "waits for an ephemeral volume's claim",
      mounts: [{ name: "tmp", ephemeral: template }],
      expected: 'UaU waiting for ephemeral volume controller to create the persistentvolumeclaim "new-tmp"',
    },
    {
      rule: "refuses an ephemeral volume whose claim is another's",
      objects: [claim("new-tmp")],
      mounts: [{ name: "tmp", ephemeral: template }],
      expected: "UaU PVC default/new-tmp was not created for pod default/new (pod is not owner)",
    },
    {
      rule: "refuses a claim that lost its volume",
      objects: [claim("data", { volumeName: "gone" }, { phase: "Lost" })],
      mounts: ["data"],
      expected: 'UaU persistentvolumeclaim "data" bound to non-existent persistentvolume "gone"',
    },
    {
      rule: "refuses a claim that is being deleted",
      objects: [
        claim("data", { volumeName: "pv" }, { metadata: { deletionTimestamp: "2025-01-01T00:00:00Z" } }),
      ],
      mounts: ["data"],
      expected: 'UaU persistentvolumeclaim "data" is being deleted',
    },
    {
      rule: "wants immediate claims bound before",
      objects: [
        claim("data", { storageClassName: "now" }),
        storageClass("now", { volumeBindingMode: "Immediate" }),
      ],
      mounts: ["data"],
      expected: IMMEDIATE,
    },
    {
      rule: "takes a claim of no class for immediate",
      objects: [claim("data")],
      mounts: ["data"],
      expected: IMMEDIATE,
    },
    {
      rule: "takes a claim of an unknown class for immediate",
      objects: [claim("data", { storageClassName: "gone" })],
      mounts: ["data"],
      expected: IMMEDIATE,
    },
    {
      rule: "takes a claim that names its volume for immediate while the binding is not complete",
      objects: [
        wait,
        claim("data", { storageClassName: "wait", volumeName: "pv" }, { metadata: { annotations: {} } }),
        volume("pv"),
      ],
      mounts: ["data"],
      expected: IMMEDIATE,
    },
    {
      rule: "keeps a pod where its bound volume is",
      objects: [claim("data", { volumeName: "pv" }), volume("pv", inA)],
      mounts: ["data"],
      nodes: AB,
      expected: ["ok", NODE],
    },
    {
      rule: "lets a volume without node affinity be anywhere",
      objects: [claim("data", { volumeName: "pv" }), volume("pv")],
      mounts: ["data"],
      nodes: AB,
      expected: ["ok", "ok"],
    },
    {
      rule: "refuses all nodes where a bound volume is gone",
      objects: [claim("data", { volumeName: "pv" })],
      mounts: ["data"],
      expected: ["UaU node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)"],
    },
    {
      rule: "provisions for the first consumer anywhere",
      objects: [wait, waiting],
      mounts: ["data"],
      nodes: AB,
      expected: ["ok", "ok"],
    },
    {
      rule: "provisions only where the class allows",
      objects: [storageClass("wait", { allowedTopologies: [[{ key: ZONE, values: ["a"] }]] }), waiting],
      mounts: ["data"],
      nodes: AB,
      expected: ["ok", BIND],
    },
    {
      rule: "wants all labels of one allowed topology",
      objects: [
        storageClass("wait", {
          allowedTopologies: [
            [
              { key: ZONE, values: ["a", "b"] },
              { key: REGION, values: ["r"] },
            ],
            [],
          ],
        }),
        waiting,
      ],
      mounts: ["data"],
      nodes: [{ [ZONE]: "a", [REGION]: "r" }, { [ZONE]: "b" }],
      expected: ["ok", BIND],
    },
    {
      rule: "provisions for the node selected before, and for no other",
      objects: [
        wait,
        claim("data", { storageClassName: "wait" }, { metadata: { annotations: { [SELECTED_NODE]: "n1" } } }),
      ],
      mounts: ["data"],
      nodes: AB,
      expected: [BIND, "ok"],
    },
    {
      rule: "finds no volume where none is made and none provisioned",
      objects: [local, waitingLocal],
      mounts: ["data"],
      expected: [BIND],
    },
    {
      rule: "binds to an available volume within reach",
      objects: [local, waitingLocal, pv("pv", inA)],
      mounts: ["data"],
      nodes: AB,
      expected: ["ok", BIND],
    },
    {
      rule: "binds no volume that is too small",
      objects: [local, claim("data", { storageClassName: "local", storage: 2n * GIB }), pv("pv")],
      mounts: ["data"],
      expected: [BIND],
    },
    {
      rule: "binds no volume of another class",
      objects: [local, waitingLocal, volume("pv")],
      mounts: ["data"],
      expected: [BIND],
    },
    {
      rule: "binds no volume of another mode",
      objects: [local, waitingLocal, pv("pv", { volumeMode: "Block" })],
      mounts: ["data"],
      expected: [BIND],
    },
    {
      rule: "binds no volume without all access modes",
      objects: [
        local,
        claim("data", { storageClassName: "local", accessModes: ["ReadWriteOnce", "ReadOnlyMany"] }),
        pv("pv"),
      ],
      mounts: ["data"],
      expected: [BIND],
    },
    {
      rule: "binds no volume that is released",
      objects: [local, waitingLocal, pv("pv", { phase: "Released" })],
      mounts: ["data"],
      expected: [BIND],
    },
    {
      rule: "binds no volume that is being deleted",
      objects: [local, waitingLocal, pv("pv", { metadata: { deletionTimestamp: "2025-01-01T00:00:00Z" } })],
      mounts: ["data"],
      expected: [BIND],
    },
    {
      rule: "binds no volume that is kept for another claim",
      objects: [
        local,
        waitingLocal,
        pv("pv", { claimRef: { namespace: "default", name: "other", uid: "" } }),
      ],
      mounts: ["data"],
      expected: [BIND],
    },
    {
      rule: "binds no volume that the claim does not select",
      objects: [
        local,
        claim("data", {
          storageClassName: "local",
          selector: { matchLabels: { disk: "fast" }, matchExpressions: [] },
        }),
        pv("pv"),
      ],
      mounts: ["data"],
      expected: [BIND],
    },
    {
      rule: "binds the volume that the claim selects",
      objects: [
        local,
        claim("data", {
          storageClassName: "local",
          selector: { matchLabels: { disk: "fast" }, matchExpressions: [] },
        }),
        pv("pv", { metadata: { labels: { disk: "fast" } } }),
      ],
      mounts: ["data"],
      expected: ["ok"],
    },
    {
      rule: "takes the volume kept for the claim, available or not, and no other",
      objects: [
        local,
        waitingLocal,
        pv("free"),
        pv("kept", { claimRef: { namespace: "default", name: "data", uid: "" }, phase: "Pending", ...inA }),
      ],
      mounts: ["data"],
      nodes: AB.toReversed(),
      expected: [BIND, "ok"],
    },
    {
      rule: "gives two claims two volumes",
      objects: [local, waitingLocal, claim("more", { storageClassName: "local" }), pv("pv")],
      mounts: ["data", "more"],
      expected: [BIND],
    },
    {
      rule: "gives the smallest volumes to the smallest claims first",
      objects: [
        local,
        claim("data", { storageClassName: "local", storage: 2n * GIB }),
        claim("more", { storageClassName: "local" }),
        pv("large", { storage: 3n * GIB }),
        pv("small"),
      ],
      mounts: ["data", "more"],
      expected: ["ok"],
    },
    {
      rule: "provisions what it cannot match",
      objects: [wait, waiting, volume("pv", { storageClassName: "wait", ...inA })],
      mounts: ["data"],
      nodes: AB,
      expected: ["ok", "ok"],
    },
    {
      rule: "names both reasons",
      objects: [local, waitingLocal, claim("old", { volumeName: "pv" }), volume("pv", inA)],
      mounts: ["data", "old"],
      nodes: AB,
      expected: [
        BIND,
        "UaU node(s) had volume node affinity conflict, node(s) didn't find available persistent volumes to bind",
      ],
    },
  ]);
});

describe("VolumeZone", () => {
  const CONFLICT = "UaU node(s) had no available volume zone";
  const data = claim("data", { volumeName: "pv" });
  const labelled = (labels: Labels) => volume("pv", { metadata: { labels } });
  const cases = (labels: Labels, nodes: readonly Labels[], expected: Case["expected"]) => ({
    objects: [data, labelled(labels)],
    mounts: ["data"],
    nodes,
    expected,
  });
  table(volumeZone, [
    { rule: "has nothing to say of a pod without claims", expected: "skip" },
    { rule: "skips volumes without zone or region", ...cases({}, [{}], "skip") },
    {
      rule: "keeps a pod in its volume's zone",
      ...cases({ [ZONE]: "a" }, [{ [ZONE]: "a" }, { [ZONE]: "b" }], ["ok", CONFLICT]),
    },
    {
      rule: "keeps a pod in its volume's region",
      ...cases({ [REGION]: "r" }, [{ [REGION]: "r" }, { [ZONE]: "a" }], ["ok", CONFLICT]),
    },
    {
      rule: "reads a label with several zones",
      ...cases({ [ZONE]: "a__b" }, [{ [ZONE]: "b" }, { [ZONE]: "c" }], ["ok", CONFLICT]),
    },
    {
      rule: "ignores a label with an empty zone among them",
      ...cases({ [ZONE]: "a__" }, [{ [ZONE]: "c" }], "skip"),
    },
    {
      rule: "lets every volume onto a node without any zone or region",
      ...cases({ [ZONE]: "a" }, [{}], ["ok"]),
    },
    {
      rule: "finds labels of old under their new name on the node",
      ...cases({ [ZONE_BETA]: "a" }, [{ [ZONE]: "a" }, { [ZONE]: "b" }], ["ok", CONFLICT]),
    },
    {
      rule: "does not find new labels under their old name",
      ...cases({ [ZONE]: "a" }, [{ [ZONE_BETA]: "a" }], [CONFLICT]),
    },
    {
      rule: "needs the claim to exist",
      mounts: ["data"],
      expected: 'UaU persistentvolumeclaim "data" not found',
    },
    {
      rule: "needs the volume to exist",
      objects: [data],
      mounts: ["data"],
      expected: 'UaU persistentvolume "pv" not found',
    },
    {
      rule: "needs a class of an unbound claim",
      objects: [claim("data")],
      mounts: ["data"],
      expected: "UaU PersistentVolumeClaim had no pv name and storageClass name",
    },
    {
      rule: "needs that class to exist",
      objects: [claim("data", { storageClassName: "c" })],
      mounts: ["data"],
      expected: 'UaU storageclass.storage.k8s.io "c" not found',
    },
    {
      rule: "needs an immediate claim to be bound",
      objects: [
        claim("data", { storageClassName: "c" }),
        storageClass("c", { volumeBindingMode: "Immediate" }),
      ],
      mounts: ["data"],
      expected: "UaU PersistentVolume had no name",
    },
    {
      rule: "leaves delayed claims to VolumeBinding",
      objects: [claim("data", { storageClassName: "c" }), storageClass("c")],
      mounts: ["data"],
      expected: "skip",
    },
  ]);
});

describe("volumes around a decision", () => {
  const ZONES = [
    { name: "a1", labels: { [ZONE]: "a", rack: "r1" } },
    { name: "b1", labels: { [ZONE]: "b", rack: "r2" } },
    { name: "b2", labels: { [ZONE]: "b", rack: "r3" } },
  ];

  function scheduler(...objects: VolumeObject[]) {
    const cluster = new SmallCluster(ZONES);
    const volumes = tableOf(...objects);
    cluster.cache.setVolumes(volumes);
    const framework = new SchedulingFramework({ ...defaultProfile(), tieBreak: "name" }, shelfWith(), {
      cache: cluster.cache,
      nominator: new Nominator(),
      streams: new RandomStreams("volumes"),
      podDisruptionBudgets: () => [],
    });
    const schedule = (text: PodText): string => {
      const pod = cluster.pod(text);
      const decision = framework.schedule(pod);
      if (decision.kind !== "scheduled") return decision.message;
      bindPodVolumes(volumes, pod, cluster.cache.node(decision.node));
      cluster.cache.addPod(pod, decision.node);
      return cluster.cache.node(decision.node).name;
    };
    return { cluster, volumes, schedule };
  }

  it("where the first consumer went, there its volume pins every later one", () => {
    const { schedule, volumes } = scheduler(
      storageClass("wait"),
      claim("data", { storageClassName: "wait" }),
    );
    expect(schedule({ ...mounting("data"), nodeSelector: { rack: "r2" }, cpu: "50" })).toBe("b1");
    expect(volumes.claim("default", "data")).toMatchObject({
      phase: "Bound",
      spec: { volumeName: "pvc-default-data" },
    });
    expect(volumes.volume("pvc-default-data")?.object.nodeAffinity).toEqual(within(ZONE, "b"));
    expect(schedule(mounting("data"))).toBe("b2");
    expect(schedule({ ...mounting("data"), nodeSelector: { [ZONE]: "a" } })).toBe(
      "0/3 nodes are available: 1 node(s) had volume node affinity conflict, 2 node(s) didn't match Pod's node affinity/selector." +
        " preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling.",
    );
  });

  it("a driver's own topology keys say how far a new volume can be reached", () => {
    const { schedule, volumes } = scheduler(
      storageClass("wait"),
      csiNode("b1", undefined, ["rack"]),
      claim("data", { storageClassName: "wait" }),
    );
    expect(schedule({ ...mounting("data"), nodeSelector: { rack: "r2" } })).toBe("b1");
    expect(volumes.volume("pvc-default-data")?.object.nodeAffinity).toEqual(within("rack", "r2"));
  });

  it("a volume made by hand is bound to the claim that waited, and taken for the next one", () => {
    const local = storageClass("local", { provisioner: "kubernetes.io/no-provisioner" });
    const { schedule, volumes } = scheduler(
      local,
      volume("disk", { storageClassName: "local", nodeAffinity: within(ZONE, "a") }),
      claim("one", { storageClassName: "local" }),
      claim("two", { storageClassName: "local" }),
    );
    expect(schedule(mounting("one"))).toBe("a1");
    expect(volumes.volume("disk")?.object).toMatchObject({ phase: "Bound", claimRef: { name: "one" } });
    expect(schedule(mounting("two"))).toContain("3 node(s) didn't find available persistent volumes to bind");
  });

  it("pods of a StatefulSet and pods with ephemeral volumes bring claims of their own names", () => {
    const { cluster, schedule, volumes } = scheduler(storageClass("wait", { isDefault: true }));
    const template = { labels: {}, annotations: {}, spec: claim("x").spec };
    const text: PodText = {
      name: "db-0",
      volumes: [
        { name: "data", volumeClaimTemplate: template },
        { name: "tmp", ephemeral: template },
      ],
    };
    expect(schedule(text)).toContain('persistentvolumeclaim "data-db-0" not found');
    const spec = { ...spec0(), volumes: text.volumes ?? [] };
    ensureClaims(volumes, { namespace: "default", name: "db-0", uid: "" }, spec);
    bindImmediateClaims(volumes);
    expect(volumes.claim("default", "data-db-0")?.spec.storageClassName).toBe("wait");
    expect(schedule(text)).toBe("a1");
    expect(volumes.claim("default", "db-0-tmp")?.phase).toBe("Bound");
    const before = volumes.version;
    ensureClaims(volumes, { namespace: "default", name: "db-0", uid: "" }, spec);
    expect(volumes.version, "claims that are there are left alone").toBe(before);
    expect(cluster.cache.version).toBeGreaterThan(before);
  });

  it("the volume controller binds what need not wait, and leaves a snapshot's claims as they were", () => {
    const now = storageClass("now", {
      volumeBindingMode: "Immediate",
      allowedTopologies: [[{ key: ZONE, values: ["b", "a"] }]],
    });
    const fresh = (name: string, spec: Parameters<typeof claim>[1] = {}) => {
      const { phase: _, ...rest } = claim(name, spec, { metadata: { annotations: {} } });
      return rest;
    };
    const volumes = tableOf(
      now,
      storageClass("wait"),
      volume("named"),
      volume("small", { storage: 2n * GIB }),
      volume("kept", {
        claimRef: { namespace: "default", name: "promised", uid: "" },
        storageClassName: "wait",
      }),
      fresh("by-name", { volumeName: "named", storageClassName: "" }),
      fresh("by-size", { storageClassName: "" }),
      fresh("promised", { storageClassName: "wait" }),
      fresh("waits", { storageClassName: "wait" }),
      fresh("made", { storageClassName: "now" }),
      claim("old", { storageClassName: "now" }),
    );
    bindImmediateClaims(volumes);
    const bound = (name: string) => volumes.claim("default", name)?.spec.volumeName;
    expect(bound("by-name")).toBe("named");
    expect(bound("by-size")).toBe("small");
    expect(bound("promised")).toBe("kept");
    expect(bound("waits")).toBeUndefined();
    expect(bound("made")).toBe("pvc-default-made");
    expect(volumes.volume("pvc-default-made")?.object.nodeAffinity).toEqual(within(ZONE, "b"));
    expect(bound("old"), "a snapshot's claim has a phase: its cluster has spoken").toBeUndefined();
  });

  it("a host that models no volumes is asked for none", () => {
    const cluster = new SmallCluster(ZONES);
    for (const factory of [volumeRestrictions, nodeVolumeLimits, volumeBinding, volumeZone]) {
      expect(cluster.plugin(factory).preFilter?.(cluster.cache, cluster.pod(mounting("data")))).toEqual({
        kind: "skip",
      });
    }
  });
});

function spec0() {
  return {
    nodeSelector: {},
    tolerations: [],
    containers: [],
    initContainers: [],
    overhead: {},
    preemptionPolicy: "PreemptLowerPriority" as const,
    schedulerName: "default-scheduler",
    schedulingGates: [],
    topologySpreadConstraints: [],
    hostNetwork: false,
    restartPolicy: "Always" as const,
    terminationGracePeriodSeconds: 30,
  };
}
