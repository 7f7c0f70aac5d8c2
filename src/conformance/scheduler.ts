/** Our scheduler set up as a recording's was: its objects, its configuration, its rule for ties. */
import { present } from "../assert.js";
import { RandomStreams } from "../engine/random.js";
import { SchedulingFramework } from "../policies/framework/framework.js";
import { Nominator } from "../policies/framework/nominator.js";
import type { PluginFactory, PodInfo, ProfileSpec } from "../policies/framework/types.js";
import { type DryRun, defaultPreemption, dryRun } from "../policies/kubernetes/default-preemption.js";
import { shelfWith } from "../policies/shelf.js";
import { readSchedulerConfiguration } from "../scenario/scheduler-configuration.js";
import { formatProblem, Problems } from "../workload/problems.js";
import { RecordedCluster } from "./recorded-cluster.js";
import { type Recording, UnreadableRecording } from "./recording.js";

/** 2025-06-01T00:00:00Z in seconds: the epoch of start times given by the replay. */
const START_SECONDS = 1_748_736_000;

/** A nomination in this attempt is the pod's last. */
export const LAST_ATTEMPT = 4;

/** All candidates are asked for: which of them upstream finds first depends on a random offset. */
const ALL_CANDIDATES = { minCandidateNodesPercentage: 100, minCandidateNodesAbsolute: 100 };

export class RecordedScheduler {
  readonly cluster: RecordedCluster;
  readonly nominator = new Nominator();
  readonly framework: SchedulingFramework;
  /** Of the last attempt that preemption looked at, where `dryRuns` is on. */
  dryRun: DryRun | undefined;

  /** `dryRuns`: keep what preemption found, at the price of looking twice. */
  constructor(recording: Recording, dryRuns: boolean) {
    this.cluster = new RecordedCluster(recording);
    const shelf = new Map(shelfWith());
    if (dryRuns) shelf.set(defaultPreemption.name, this.#watched());
    this.framework = new SchedulingFramework(profileOf(recording), shelf, {
      cache: this.cluster.cache,
      nominator: this.nominator,
      streams: new RandomStreams("conformance"),
      podDisruptionBudgets: () => this.cluster.budgets,
    });
  }

  /** Binds the pod in step `index`. */
  bind(pod: PodInfo, node: number, index: number): void {
    this.nominator.denominate(pod);
    pod.startTimeUs = (START_SECONDS + index) * 1_000_000;
    this.cluster.bind(pod, node);
  }

  /** Deletes the victims, clears weaker nominations and nominates the pod unless this was its last attempt. */
  preempt(pod: PodInfo, node: number, victims: readonly PodInfo[], attempt: number): void {
    for (const victim of victims) this.cluster.evict(victim);
    for (const other of this.nominator.lowerPriorityOn(node, pod.shape.priority)) {
      this.nominator.denominate(other);
    }
    if (attempt < LAST_ATTEMPT) this.nominator.nominate(pod, node);
    else this.nominator.denominate(pod);
  }

  #watched(): PluginFactory {
    return {
      ...defaultPreemption,
      create: (args, context) => {
        const plugin = defaultPreemption.create(args, context);
        const postFilter = present(plugin.postFilter?.bind(plugin), "DefaultPreemption has a PostFilter");
        return {
          ...plugin,
          postFilter: (post, pod, rejections) => {
            this.dryRun = dryRun(post, pod, rejections, ALL_CANDIDATES);
            return postFilter(post, pod, rejections);
          },
        };
      },
    };
  }
}

/** The recording's own configuration, with the corpus' tie rule: the bytewise smallest name. */
function profileOf(recording: Recording): ProfileSpec {
  const problems = new Problems();
  const place = {
    document: { file: "schedulerConfig", positionOf: () => ({ line: 1, column: 1 }) },
    at: [],
  };
  const names = new Set(shelfWith().keys());
  const configuration = readSchedulerConfiguration(recording.schedulerConfig, place, names, problems);
  const [profile] = configuration?.profiles ?? [];
  if (profile === undefined) throw new UnreadableRecording(problems.list().map(formatProblem).join("\n"));
  const args = { ...profile.args, [defaultPreemption.name]: ALL_CANDIDATES };
  return { ...profile, args, tieBreak: "name" };
}
