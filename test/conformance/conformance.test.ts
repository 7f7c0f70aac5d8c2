/** Decisions held against the recorded ones of kube-scheduler v1.34.1, and the command that does it. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { conformance } from "../../src/cli/conformance.js";
import { formatDifference } from "../../src/conformance/differences.js";
import { type RecordedStep, readRecording, UnreadableRecording } from "../../src/conformance/recording.js";
import { replayOwn, replayStepwise } from "../../src/conformance/replay.js";

const GOLDEN = fileURLToPath(new URL("../../../shared/golden/kube-scheduler-1.34/", import.meta.url));
const present = existsSync(GOLDEN) ? readdirSync(GOLDEN).filter((name) => name.endsWith(".json.gz")) : [];
if (present.length === 0) {
  console.warn(
    "skipped: ../shared/golden/kube-scheduler-1.34 is not there, decisions are not compared with the real ones",
  );
}

/** One recording of each small family; their twins (`…b`) and the large ones are left to `npm run conformance`. */
const QUICK = present.filter((name) => /^[0-8][0-9]-/.test(name)).sort();
const read = (name: string) => readRecording(readFileSync(join(GOLDEN, name)));
const plainJson = (name: string) =>
  JSON.parse(gunzipSync(readFileSync(join(GOLDEN, name))).toString("utf8")) as {
    steps: (RecordedStep & Record<string, unknown>)[];
    [key: string]: unknown;
  };
const bytesOf = (data: unknown) => new TextEncoder().encode(JSON.stringify(data));

describe.skipIf(present.length === 0)("as kube-scheduler v1.34.1 decided", () => {
  it.each(QUICK)("every step of %s, from the recorded state and with our own choices", (name) => {
    const recording = read(name);
    const stepwise = replayStepwise(recording);
    expect(stepwise.all.map(formatDifference)).toEqual([]);
    expect(stepwise.compared).toBeGreaterThan(10 * recording.steps.length);
    const own = replayOwn(recording);
    expect(own.all.map(formatDifference)).toEqual([]);
    expect(own.compared).toBeGreaterThanOrEqual(3 * recording.steps.length);
  });

  it("in every family that the corpus has", () => {
    expect(QUICK).toHaveLength(31);
    expect(new Set(QUICK.map((name) => read(name).family)).size).toBe(31);
  });

  it("notices a score, a refusal, a choice and a victim that are not the recorded ones", () => {
    const data = plainJson("24-preemption.json.gz");
    const steps = data.steps as unknown as Record<string, never>[];
    const first = steps.find(({ outcome }) => outcome === "scheduled") as unknown as {
      index: number;
      chosen: string;
      nodes: Record<string, { total: number; scores: Record<string, number> }>;
    };
    const [node = ""] = Object.keys(first.nodes).filter((name) => "scores" in (first.nodes[name] ?? {}));
    const scores = (first.nodes[node] as { scores: Record<string, number> }).scores;
    scores.NodeResourcesFit = (scores.NodeResourcesFit ?? 0) + 1;
    const nominated = steps.find(({ outcome }) => outcome === "nominated") as unknown as {
      index: number;
      postFilter: { candidates: Record<string, { pods: string[] }> };
    };
    const [candidate = ""] = Object.keys(nominated.postFilter.candidates);
    nominated.postFilter.candidates[candidate]?.pods.push("default/nobody");
    const { all, triples, differingSteps } = replayStepwise(readRecording(bytesOf(data)));
    expect(all.map(({ step, node: at, plugin, what }) => [step, at, plugin, what])).toEqual([
      [first.index, node, "NodeResourcesFit", "score"],
      [nominated.index, candidate, "DefaultPreemption", "candidate"],
    ]);
    expect({ triples, differingSteps }).toEqual({ triples: 2, differingSteps: 2 });
  });

  it("stops the replay of own choices where the recording goes another way", () => {
    const data = plainJson("24-preemption.json.gz");
    const at = data.steps.findIndex(({ outcome }) => outcome === "nominated");
    data.steps.splice(at + 1, 1);
    const { all } = replayOwn(readRecording(bytesOf(data)));
    expect(all.map(({ what }) => what)).toEqual(["next"]);
  });
});

describe("the recordings' format", () => {
  const small = {
    formatVersion: 1,
    kubernetesVersion: "v1.34.1",
    name: "tiny",
    family: "tiny",
    detail: "full",
    preemptionRetry: 0,
    schedulerConfig: {
      apiVersion: "kubescheduler.config.k8s.io/v1",
      kind: "KubeSchedulerConfiguration",
      percentageOfNodesToScore: 100,
    },
    cluster: {
      nodes: {
        kind: "NodeList",
        items: [
          {
            kind: "Node",
            metadata: { name: "a" },
            status: { allocatable: { cpu: "1", memory: "1Gi", pods: "10" } },
          },
        ],
      },
      pods: null,
      namespaces: null,
    },
    pods: {
      kind: "PodList",
      items: [
        {
          kind: "Pod",
          metadata: { name: "p", namespace: "default" },
          spec: { containers: [{ name: "c", image: "i", resources: { requests: { cpu: "500m" } } }] },
        },
      ],
    },
    nodeOrder: ["a"],
    // By hand: half the cpu is left (50) and 824 of 1024 MiB (80), 65 on average; fractions 0.5 and 0 deviate by 0.25.
    steps: [
      {
        index: 0,
        pod: "default/p",
        attempt: 1,
        outcome: "scheduled",
        feasible: 1,
        nodes: {
          a: {
            total: 3 * 100 + 65 + 75,
            scores: {
              TaintToleration: 100,
              NodeResourcesFit: 65,
              NodeResourcesBalancedAllocation: 75,
              ImageLocality: 0,
            },
          },
        },
        chosen: "a",
      },
    ],
  };
  it("is read plain or gzipped, with fields of later versions left alone", () => {
    const recording = readRecording(
      bytesOf({ ...small, later: { unknown: true }, steps: [{ ...small.steps[0], surprise: 1 }] }),
    );
    expect(recording.cluster.nodes).toHaveLength(1);
    expect(recording.cluster.pods).toEqual([]);
    expect(replayOwn(recording).all).toEqual([]);
  });

  it("is compared in full: a total that is one off is found", () => {
    const text = JSON.stringify(small).replace('"total":440', '"total":441');
    const { all } = replayStepwise(readRecording(new TextEncoder().encode(text)));
    expect(all.map(({ node, what, ours, recorded }) => [node, what, ours, recorded])).toEqual([
      ["a", "total", 440, 441],
    ]);
  });

  it.each<[string, unknown, string]>([
    ["no JSON", "{", "expected JSON"],
    ["another version", { ...small, formatVersion: 2 }, "expected formatVersion 1, got 2"],
    ["no version", { ...small, formatVersion: undefined }, "expected formatVersion 1, got none"],
    ["another Kubernetes", { ...small, kubernetesVersion: "v1.29.0" }, 'Kubernetes v1.34, got "v1.29.0"'],
    ["another detail", { ...small, detail: "some" }, 'expected "full" or "summary", got "some"'],
    ["no steps", { ...small, steps: undefined }, "steps: expected a list"],
    [
      "an unknown outcome",
      { ...small, steps: [{ ...small.steps[0], outcome: "waiting" }] },
      'steps[0].outcome: expected scheduled, unschedulable, nominated, gated, got "waiting"',
    ],
  ])("is refused by name: %s", (_, data, message) => {
    const bytes = typeof data === "string" ? new TextEncoder().encode(data) : bytesOf(data);
    expect(() => readRecording(bytes)).toThrow(UnreadableRecording);
    expect(() => readRecording(bytes)).toThrow(message);
  });

  it("is refused where a step names a pod or a node that is not there, or an object cannot be read", () => {
    const replayed = (change: object) => () =>
      replayStepwise(readRecording(bytesOf({ ...small, ...change })));
    expect(replayed({ steps: [{ ...small.steps[0], pod: "default/q" }] })).toThrow("default/q");
    expect(replayed({ steps: [{ ...small.steps[0], chosen: "b" }] })).toThrow("chooses the node b");
    expect(
      replayed({ pods: [{ kind: "Pod", metadata: { name: "p" }, spec: { containers: [{ name: 3 }] } }] }),
    ).toThrow("expected a string");
  });

  describe("by the command", () => {
    let folder = "";
    beforeAll(() => {
      folder = mkdtempSync(join(tmpdir(), "seatrial-conformance-"));
      writeFileSync(join(folder, "good.json"), JSON.stringify(small));
    });
    afterAll(() => rmSync(folder, { recursive: true }));
    const run = (...paths: string[]) => {
      const lines: string[] = [];
      const complaints: string[] = [];
      const code = conformance(
        paths,
        (line) => lines.push(line),
        (line) => complaints.push(line),
      );
      return { code, text: lines.join("\n"), complaints };
    };

    it("ends with 0 where all agrees, both modes shown by family", () => {
      const { code, text, complaints } = run(folder);
      expect(code).toBe(0);
      expect(complaints).toEqual([]);
      expect(text).toMatch(/^STEPWISE .*\ntiny +1 +1 +1 +0 /);
      expect(text).toMatch(/OWN CHOICES .*\ntiny +1 +1 +1 +0 /);
    });

    it("ends with 1 and shows what differs, in full", () => {
      const file = join(folder, "other.txt");
      writeFileSync(file, JSON.stringify({ ...small, steps: [{ ...small.steps[0], feasible: 2 }] }));
      const { code, text } = run(file);
      expect(code).toBe(1);
      expect(text).toContain("step 0, default/p, feasible: ours 1, recorded 2");
      expect(text).toMatch(/STEPWISE .*\ntiny +1 +1 +0 +1 /);
    });

    it("ends with 2 and names each file that cannot be read, and replays the others", () => {
      const empty = mkdtempSync(join(folder, "empty-"));
      const broken = join(folder, "broken.txt");
      writeFileSync(broken, "[]");
      const { code, text, complaints } = run(folder, empty, broken, join(folder, "nowhere"));
      expect(code).toBe(2);
      expect(complaints).toHaveLength(3);
      expect(complaints.join("\n")).toContain(`${broken}: expected a JSON object`);
      expect(text).toContain("tiny");
    });
  });
});
