import { describe, expect, it } from "vitest";
import { parseQuantity } from "../../src/units/quantity.js";
import { Problems } from "../../src/workload/problems.js";
import { readSnapshot, renderSnapshot } from "../../src/workload/snapshot.js";
import { complaintsAbout, objectOf } from "./helpers.js";

const GI = parseQuantity("1Gi") ?? -1n;
const META = { namespace: "", uid: "", labels: {}, annotations: {}, ownerReferences: [] };
const CLAIM = "accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}";

describe("volume objects", () => {
  it("a claim as kubectl shows it, bound", () => {
    const text = `
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data, namespace: shop, uid: u1, annotations: {pv.kubernetes.io/bind-completed: "yes"}}
spec: {${CLAIM}, storageClassName: fast, volumeMode: Block, volumeName: pv-1, selector: {matchLabels: {disk: ssd}}}
status: {phase: Bound, accessModes: [ReadWriteOnce], capacity: {storage: 1Gi}}`;
    expect(objectOf("PersistentVolumeClaim", text)).toEqual({
      kind: "PersistentVolumeClaim",
      metadata: {
        ...META,
        name: "data",
        namespace: "shop",
        uid: "u1",
        annotations: { "pv.kubernetes.io/bind-completed": "yes" },
      },
      spec: {
        accessModes: ["ReadWriteOnce"],
        storage: GI,
        storageClassName: "fast",
        volumeMode: "Block",
        volumeName: "pv-1",
        selector: { matchLabels: { disk: "ssd" }, matchExpressions: [] },
      },
      phase: "Bound",
    });
  });

  it("a claim as its author writes it has no phase and may name no class; the annotation of old names it first", () => {
    const claim = (rest: string) =>
      objectOf("PersistentVolumeClaim", `kind: PersistentVolumeClaim\nmetadata: {name: data${rest}`);
    const plain = claim(`}\nspec: {${CLAIM}}`);
    expect(plain).not.toHaveProperty("phase");
    expect(plain.spec).toEqual({ accessModes: ["ReadWriteOnce"], storage: GI, volumeMode: "Filesystem" });
    const old = claim(
      `, annotations: {volume.beta.kubernetes.io/storage-class: old}}\nspec: {${CLAIM}, storageClassName: new}`,
    );
    expect(old.spec.storageClassName).toBe("old");
    expect(claim(`}\nspec: {${CLAIM}, storageClassName: ""}`).spec.storageClassName).toBe("");
  });

  it("a volume in one zone, of a CSI driver", () => {
    const text = `
apiVersion: v1
kind: PersistentVolume
metadata: {name: pv-1}
spec:
  capacity: {storage: 1Gi}
  accessModes: [ReadWriteOnce, ReadWriteOncePod]
  claimRef: {apiVersion: v1, kind: PersistentVolumeClaim, namespace: shop, name: data, uid: u1}
  csi: {driver: csi.example.com, volumeHandle: h-1}
  nodeAffinity:
    required: {nodeSelectorTerms: [{matchExpressions: [{key: topology.kubernetes.io/zone, operator: In, values: [a]}]}]}
status: {phase: Bound}`;
    expect(objectOf("PersistentVolume", text)).toEqual({
      kind: "PersistentVolume",
      metadata: { ...META, name: "pv-1" },
      storage: GI,
      accessModes: ["ReadWriteOnce", "ReadWriteOncePod"],
      storageClassName: "",
      volumeMode: "Filesystem",
      claimRef: { namespace: "shop", name: "data", uid: "u1" },
      csi: { driver: "csi.example.com", volumeHandle: "h-1" },
      nodeAffinity: [
        {
          matchExpressions: [{ key: "topology.kubernetes.io/zone", operator: "In", values: ["a"] }],
          matchFields: [],
        },
      ],
      phase: "Bound",
    });
  });

  it("classes, what drivers say of nodes, and attachments", () => {
    expect(
      objectOf(
        "StorageClass",
        `apiVersion: storage.k8s.io/v1\nkind: StorageClass\nmetadata: {name: c, annotations: {storageclass.kubernetes.io/is-default-class: "true"}}
provisioner: csi.example.com\nvolumeBindingMode: WaitForFirstConsumer
allowedTopologies: [{matchLabelExpressions: [{key: zone, values: [a, b]}]}]`,
      ),
    ).toMatchObject({
      provisioner: "csi.example.com",
      volumeBindingMode: "WaitForFirstConsumer",
      allowedTopologies: [[{ key: "zone", values: ["a", "b"] }]],
      isDefault: true,
    });
    expect(objectOf("StorageClass", "kind: StorageClass\nmetadata: {name: c}\nprovisioner: p")).toMatchObject(
      { volumeBindingMode: "Immediate", allowedTopologies: [], isDefault: false },
    );
    expect(
      objectOf(
        "CSINode",
        "kind: CSINode\nmetadata: {name: n1}\nspec: {drivers: [{name: d, nodeID: i, topologyKeys: [zone], allocatable: {count: 3}}, {name: e, nodeID: i}]}",
      ).drivers,
    ).toEqual([
      { name: "d", topologyKeys: ["zone"], volumesMax: 3 },
      { name: "e", topologyKeys: [] },
    ]);
    expect(
      objectOf(
        "VolumeAttachment",
        "kind: VolumeAttachment\nmetadata: {name: a}\nspec: {attacher: d, nodeName: n1, source: {persistentVolumeName: pv}}",
      ),
    ).toMatchObject({ attacher: "d", nodeName: "n1", persistentVolumeName: "pv" });
  });

  it("volumes of a pod: claims, ephemeral ones and disks; of others only the name", () => {
    const pod = objectOf(
      "Pod",
      `kind: Pod
metadata: {name: p}
spec:
  containers: [{name: c}]
  volumes:
    - {name: data, persistentVolumeClaim: {claimName: data}}
    - {name: tmp, ephemeral: {volumeClaimTemplate: {metadata: {labels: {a: b}}, spec: {${CLAIM}}}}}
    - {name: gce, gcePersistentDisk: {pdName: pd, readOnly: true}}
    - {name: ebs, awsElasticBlockStore: {volumeID: v}}
    - {name: iscsi, iscsi: {iqn: q, targetPortal: t, lun: 0}}
    - {name: rbd, rbd: {monitors: [m], image: i}}
    - {name: empty, emptyDir: {}}
`,
    );
    expect(pod.spec.volumes).toEqual([
      { name: "data", claimName: "data" },
      {
        name: "tmp",
        ephemeral: {
          labels: { a: "b" },
          annotations: {},
          spec: { accessModes: ["ReadWriteOnce"], storage: GI, volumeMode: "Filesystem" },
        },
      },
      { name: "gce", disk: { type: "gcePersistentDisk", pdName: "pd", readOnly: true } },
      { name: "ebs", disk: { type: "awsElasticBlockStore", volumeID: "v" } },
      { name: "iscsi", disk: { type: "iscsi", iqn: "q", readOnly: false } },
      { name: "rbd", disk: { type: "rbd", monitors: ["m"], pool: "rbd", image: "i", readOnly: false } },
      { name: "empty" },
    ]);
  });

  it("a StatefulSet's claim templates are volumes of its pods, in place of those of the same name", () => {
    const { template } = objectOf(
      "StatefulSet",
      `kind: StatefulSet
metadata: {name: db}
spec:
  selector: {matchLabels: {app: db}}
  volumeClaimTemplates: [{metadata: {name: data}, spec: {${CLAIM}}}]
  template:
    metadata: {labels: {app: db}}
    spec: {containers: [{name: c}], volumes: [{name: data, emptyDir: {}}, {name: tmp, emptyDir: {}}]}
`,
    );
    expect(template.spec.volumes).toEqual([
      {
        name: "data",
        volumeClaimTemplate: {
          labels: {},
          annotations: {},
          spec: { accessModes: ["ReadWriteOnce"], storage: GI, volumeMode: "Filesystem" },
        },
      },
      { name: "tmp" },
    ]);
  });

  it.each([
    [
      "kind: PersistentVolumeClaim\nmetadata: {name: d}\nspec: {resources: {requests: {storage: 1Gi}}}",
      "expected at least one access mode, such as ReadWriteOnce",
    ],
    [
      "kind: PersistentVolumeClaim\nmetadata: {name: d}\nspec: {accessModes: [ReadWriteTwice]}",
      'ReadWriteOncePod, got "ReadWriteTwice"',
    ],
    ["kind: PersistentVolumeClaim\nmetadata: {name: d}", "expected a claim's spec, but it is missing"],
    [
      "kind: PersistentVolume\nmetadata: {name: d}\nspec: {accessModes: [ReadWriteOnce], capacity: {storage: 1GB}}",
      "expected a Kubernetes quantity",
    ],
    [
      "kind: PersistentVolume\nmetadata: {name: d}\nspec: {accessModes: [ReadWriteOnce], csi: {driver: d}}",
      "spec.csi.volumeHandle: expected a string, but it is missing",
    ],
    ["kind: StorageClass\nmetadata: {name: c}", "provisioner: expected a string, but it is missing"],
    [
      "kind: StorageClass\nmetadata: {name: c}\nprovisioner: p\nvolumeBindingMode: Later",
      "expected Immediate or WaitForFirstConsumer",
    ],
    [
      "kind: CSINode\nmetadata: {name: n1}\nspec: {drivers: [{name: d, allocatable: {count: -1}}]}",
      "expected a whole number of at least 0, got -1",
    ],
  ])("mistakes are named: %s", (text, complaint) => {
    expect(complaintsAbout(text).join("\n")).toContain(complaint);
  });

  it("an imported snapshot keeps what its cluster said of claims and volumes", () => {
    const text = `
kind: List
items:
  - {apiVersion: v1, kind: PersistentVolumeClaim, metadata: {name: d}, spec: {${CLAIM}}, status: {phase: Pending}}
  - {apiVersion: v1, kind: PersistentVolume, metadata: {name: v}, spec: {accessModes: [ReadWriteOnce]}, status: {phase: Released}}
  - {apiVersion: storage.k8s.io/v1, kind: StorageClass, metadata: {name: c}, provisioner: p}`;
    const problems = new Problems();
    const files = renderSnapshot(readSnapshot(text, "s.yaml", problems));
    expect(files.map(({ path }) => path)).toEqual([
      "persistent-volume-claims.yaml",
      "persistent-volumes.yaml",
      "storage-classes.yaml",
    ]);
    expect(files[0]?.text).toContain("phase: Pending");
    expect(files[1]?.text).toContain("phase: Released");
  });
});
