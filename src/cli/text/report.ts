/** Everything that `run` and `compare` print about a result. */
import type { Model } from "../../cluster/model.js";
import type { ExperimentResult } from "../../experiment/experiment.js";
import type { Verdict } from "../../experiment/objectives.js";
import { formatDuration } from "../../units/time.js";
import { answerLines, differenceLines } from "./answers.js";
import { ResultView } from "./result-view.js";
import { stageLines } from "./stages.js";
import { counted } from "./table.js";
import { timelineLines } from "./timeline.js";

export interface ReportParts {
  readonly result: ExperimentResult;
  readonly model: Model;
  readonly verdicts: readonly Verdict[];
  readonly folder: string;
  readonly files: readonly string[];
  readonly width: number;
}

export function reportLines({ result, model, verdicts, folder, files, width }: ReportParts): string[] {
  const view = new ResultView(result);
  const sections =
    result.replications.length === 0
      ? []
      : [
          answerLines(view, width),
          differenceLines(view, width),
          stageLines(view, width),
          timelineLines(result, model, width),
          verdictLines(verdicts, result.study.policies),
        ];
  const all = [headLines(result, verdicts), ...sections, fileLines(folder, files)];
  return all
    .filter((lines) => lines.length > 0)
    .flatMap((lines, index) => (index === 0 ? lines : ["", ...lines]));
}

function headLines(
  { study, replications, complete, outcomes }: ExperimentResult,
  verdicts: readonly Verdict[],
): string[] {
  const { name, seed, policies, warmUpUs, horizonUs } = study;
  const who = policies.length === 1 ? `policy ${policies[0]}` : `${policies.length} policies`;
  const measured = formatDuration(horizonUs - warmUpUs);
  const warmUp = warmUpUs === 0 ? "" : ` after ${formatDuration(warmUpUs)} of warm-up`;
  const head = `${name}: ${who}, ${counted(study.replications, "replication")}, ${measured}${warmUp}, seed "${seed}"`;
  const missed = verdicts.filter(({ met }) => !met).length;
  return [
    head,
    ...(complete ? [] : [`Incomplete: ${replications.length} of ${outcomes.length} runs were finished.`]),
    ...(verdicts.length === 0 ? [] : [`Objectives: ${verdicts.length - missed} met, ${missed} missed`]),
  ];
}

/** Missed ones first: they are what the reader must act on. */
function verdictLines(verdicts: readonly Verdict[], policies: readonly string[]): string[] {
  if (verdicts.length === 0) return [];
  const missed = verdicts.filter(({ met }) => !met);
  const lines = [...missed, ...verdicts.filter(({ met }) => met)].map(({ met, policy, detail }) => {
    const who = policies.length === 1 ? "" : `${policy}: `;
    return `  ${met ? "met   " : "MISSED"}  ${who}${detail}`;
  });
  return ["Objectives", ...lines];
}

function fileLines(folder: string, files: readonly string[]): string[] {
  return files.length === 0 ? [] : [`Written to ${folder}: ${files.join(", ")}`];
}
