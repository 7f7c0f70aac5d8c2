/** `seatrial validate`: every mistake in scenarios, manifests, scheduler configurations and policy files. */
import { extname } from "node:path";
import type { Command } from "commander";
import { loadPolicy, PolicyFileError } from "../policies/load.js";
import { SHELF } from "../policies/shelf.js";
import { loadScenario } from "../scenario/compile.js";
import { loadEtcdStudy } from "../scenario/etcd-study.js";
import { readSchedulerConfiguration } from "../scenario/scheduler-configuration.js";
import { type FileSource, fileSource } from "../workload/files.js";
import { loadManifests } from "../workload/manifests.js";
import { formatProblem, Problems } from "../workload/problems.js";
import { readYaml } from "../workload/yaml.js";
import { EXIT } from "./exit.js";
import { kindOfFile } from "./file-kind.js";
import { checkPolicyFiles } from "./policy-choice.js";
import type { Run } from "./program.js";
import type { Terminal } from "./terminal.js";
import { counted } from "./text/table.js";

const EXAMPLES = `
A file is taken for what it says it is: a scenario, a study of etcd, a KubeSchedulerConfiguration, else Kubernetes
manifests; .ts and .js are policy files. Folders and patterns are manifests.

Examples:
  seatrial validate scenario.yaml
  seatrial validate manifests/ scheduler.yaml mine.ts
  seatrial validate scenario.yaml --json`;

interface Options {
  readonly json?: boolean;
  readonly traces?: string;
}

export function addValidateCommand(program: Command, run: Run): void {
  program
    .command("validate")
    .summary("show every mistake in scenarios and manifests")
    .description(
      "Reads the files and all that they name, and shows every mistake with its place. Runs nothing.",
    )
    .argument(
      "<file...>",
      "scenarios, manifests (files, folders, patterns), scheduler configurations, policies",
    )
    .option("--traces <dir>", "folder with the files that the scenarios' traces name")
    .option("--json", "the mistakes as JSON on the standard output")
    .addHelpText("after", EXAMPLES)
    .action((files: readonly string[], options: Options) =>
      run((terminal) => validate(files, options, terminal)),
    );
}

async function validate(files: readonly string[], options: Options, terminal: Terminal): Promise<number> {
  const from = fileSource();
  const checked: Checked[] = [];
  for (const file of files) checked.push(await check(file, options, from));
  const problems = checked.flatMap((one) => one.problems.list());
  const errors = problems.filter(({ severity }) => severity === "error").length;
  if (options.json === true) terminal.out(JSON.stringify(problems.map(plain), undefined, 2));
  else {
    for (const problem of problems) terminal.err(formatProblem(problem));
    for (const { file, what, problems: own } of checked) {
      if (!own.hasErrors) terminal.out(`${file}: fine (${what})`);
    }
    if (errors > 0) terminal.err(counted(errors, "error"));
  }
  return errors > 0 ? EXIT.badInput : EXIT.fine;
}

interface Checked {
  readonly file: string;
  /** What the file is, in a few words. */
  readonly what: string;
  readonly problems: Problems;
}

async function check(file: string, options: Options, from: FileSource): Promise<Checked> {
  if ([".ts", ".mts", ".js", ".mjs"].includes(extname(file))) return checkPolicy(file);
  switch (kindOfFile(file, from)) {
    case "Scenario":
      return checkScenarioFile(file, options, from);
    case "EtcdStudy":
      return checkEtcdStudy(file, from);
    case "KubeSchedulerConfiguration":
      return checkConfiguration(file, from);
    case "manifests": {
      const problems = new Problems();
      const objects = loadManifests([file], from, problems);
      return { file, what: counted(objects.length, "object"), problems };
    }
  }
}

async function checkScenarioFile(file: string, options: Options, from: FileSource): Promise<Checked> {
  const overrides = options.traces === undefined ? {} : { tracesFolder: options.traces };
  const { study, problems } = loadScenario(file, from, overrides);
  if (study === undefined) return { file, what: "scenario", problems };
  await checkPolicyFiles(study, problems);
  const { topology, objects } = study.model;
  const counts = [
    counted(topology.centres.length, "centre"),
    counted(topology.nodes.length, "node"),
    counted(objects.length, "object"),
    counted(study.policies.length, "policy", "policies"),
    counted(study.replications, "replication"),
  ];
  return { file, what: `scenario ${study.model.name}: ${counts.join(", ")}`, problems };
}

function checkEtcdStudy(file: string, from: FileSource): Checked {
  const { study, problems } = loadEtcdStudy(file, from);
  if (study === undefined) return { file, what: "study of etcd", problems };
  const [first] = study.cells;
  const counts = [
    counted(study.cells.length, "cell"),
    ...(study.cells.length > 1 || first === undefined
      ? []
      : [counted(first.etcd.members.length, "member"), counted(first.clients.length, "client")]),
    counted(study.replications, "replication"),
  ];
  return { file, what: `study of etcd ${study.name}: ${counts.join(", ")}`, problems };
}

function checkConfiguration(file: string, from: FileSource): Checked {
  const problems = new Problems();
  const [document] = readYaml(from.readFile(file) ?? "", file, problems);
  const shelf = new Set(SHELF.map(({ name }) => name));
  const place = document === undefined ? undefined : { document, at: [] };
  const configuration =
    document === undefined || place === undefined
      ? undefined
      : readSchedulerConfiguration(document.data, place, shelf, problems);
  const profiles = configuration?.profiles.map(({ schedulerName }) => schedulerName) ?? [];
  return { file, what: `scheduler configuration: ${profiles.join(", ")}`, problems };
}

async function checkPolicy(file: string): Promise<Checked> {
  const problems = new Problems();
  try {
    const { name } = await loadPolicy(file);
    return { file, what: `policy ${name}`, problems };
  } catch (error) {
    if (!(error instanceof PolicyFileError)) throw error;
    problems.addFileError(file, error.message);
    return { file, what: "policy", problems };
  }
}

/** As JSON: a value that JSON does not know (a whole number beyond 2^53) as text. */
function plain(problem: ReturnType<Problems["list"]>[number]): object {
  return typeof problem.value === "bigint" ? { ...problem, value: String(problem.value) } : problem;
}
