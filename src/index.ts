/**
 * Seatrial as a library (docs/LIBRARY.md): the line from a scenario file to tables, one function an arrow
 * (parseScenario, compile, simulate, summarise, writeResult), and what policy files import.
 */

export type {
  Model,
  PolicyModel,
  RunOptions,
  StudyModel,
} from "./cluster/model.js";
export { simulate } from "./cluster/simulate.js";
export type { EtcdStudyModel, StudyCell } from "./etcd-study/model.js";
export { playCell } from "./etcd-study/play.js";
export type { EtcdReplication } from "./etcd-study/results.js";
export type { CapacityResult, CapacitySearch, Evaluation, Judgement } from "./experiment/capacity.js";
export { findCapacity } from "./experiment/capacity.js";
export type { WriteOptions } from "./experiment/csv.js";
export { writeResult } from "./experiment/csv.js";
export type { EtcdExperimentOptions, EtcdExperimentResult } from "./experiment/etcd-experiment.js";
export { runEtcdExperiment } from "./experiment/etcd-experiment.js";
export { writeEtcdResult } from "./experiment/etcd-tables.js";
export type {
  ExperimentOptions,
  ExperimentResult,
  FailedCell,
  NamedCell,
  Progress,
  StudyHeader,
} from "./experiment/experiment.js";
export { runExperiment } from "./experiment/experiment.js";
export type { Verdict } from "./experiment/objectives.js";
export { evaluateObjectives } from "./experiment/objectives.js";
export type { Cell } from "./experiment/plan.js";
export type { CellOutcome } from "./experiment/pool.js";
export type { Difference, Figures, Observation } from "./experiment/statistics.js";
export type { ComparisonRow, Summary, SummaryRow } from "./experiment/summary.js";
export { summarise } from "./experiment/summary.js";
export type {
  EventRow,
  FailureRow,
  MetricValue,
  PodRow,
  Replication,
  SeriesTable,
  StageName,
} from "./metrics/replication.js";
export { STAGES } from "./metrics/replication.js";
export type { Change } from "./placement/changes.js";
export { applyChanges } from "./placement/changes.js";
export type { ClusterOptions, PlacedPod } from "./placement/cluster.js";
export { PlacementCluster } from "./placement/cluster.js";
export type { ExplainOptions, Explanation, NodeAnswer, Preemption } from "./placement/explain.js";
export { Explainer } from "./placement/explain.js";
export type { ReadObjects } from "./placement/read.js";
export { readObjects } from "./placement/read.js";
export type { Outcome, Placement, ScheduleResult } from "./placement/schedule.js";
export { schedulePending } from "./placement/schedule.js";
export type { Suggestion } from "./placement/suggestions.js";
export type { ZoneUtilisation } from "./placement/utilisation.js";
export { utilisationOf } from "./placement/utilisation.js";
export type { Aftermath, Doings } from "./placement/what-if.js";
export { whatIf } from "./placement/what-if.js";
export * from "./policies/authoring.js";
export { loadPolicy, PolicyFileError } from "./policies/load.js";
export { PolicyDefinitionError } from "./policies/policy.js";
export { defaultProfile } from "./policies/profiles.js";
export { SHELF, shelfWith } from "./policies/shelf.js";
export type { CompiledScenario, CompileOverrides, PlanRange } from "./scenario/compile.js";
export { compile, loadScenario } from "./scenario/compile.js";
export type { EtcdStudyOverrides, LoadedEtcdStudy } from "./scenario/etcd-study.js";
export { loadEtcdStudy } from "./scenario/etcd-study.js";
export { etcdStudyJsonSchema, scenarioJsonSchema } from "./scenario/json-schema.js";
export type { Objective } from "./scenario/objectives.js";
export type { ParsedScenario, ScenarioFile } from "./scenario/scenario.js";
export { parseScenario } from "./scenario/scenario.js";
export type { Scenario } from "./scenario/schema.js";
export type { FileSource } from "./workload/files.js";
export { fileSource } from "./workload/files.js";
export type { Problem, Severity } from "./workload/problems.js";
export { formatProblem, Problems } from "./workload/problems.js";
