/** `--policy`: a name of the scenario or of the shelf, a policy file of the user's, or a scheduler configuration. */
import { basename, extname, posix } from "node:path";
import type { PolicyModel, StudyModel } from "../cluster/model.js";
import { loadPolicy, PolicyFileError } from "../policies/load.js";
import { SHELF, shelfWith } from "../policies/shelf.js";
import { DEFAULT_POLICY } from "../scenario/compile-policies.js";
import type { ScenarioFile } from "../scenario/scenario.js";
import type { PolicyWritten } from "../scenario/schema.js";
import type { FileSource } from "../workload/files.js";
import { closestOf, type Problems } from "../workload/problems.js";

/** One policy that was asked for. */
export interface ChosenPolicy {
  readonly name: string;
  /** What the user wrote, for the command that repeats a run. */
  readonly argument: string;
  /** What the scenario would have to say; undefined where it says it already. */
  readonly written?: PolicyWritten;
}

const CODE = [".ts", ".mts", ".js", ".mjs"];
const CONFIGURATION = [".yaml", ".yml", ".json"];

/** The policies that the arguments mean, in their order; mistakes go to `problems`. */
export async function choosePolicies(
  choices: readonly string[],
  parsed: ScenarioFile,
  from: FileSource,
  problems: Problems,
): Promise<ChosenPolicy[]> {
  const chosen: ChosenPolicy[] = [];
  for (const argument of choices) {
    const policy = await choosePolicy(argument, parsed, from, problems);
    if (policy === undefined) continue;
    if (chosen.some(({ name }) => name === policy.name)) {
      problems.addFileError("--policy", `expected each policy once, ${policy.name} is given twice`);
    } else chosen.push(policy);
  }
  return chosen;
}

async function choosePolicy(
  argument: string,
  parsed: ScenarioFile,
  from: FileSource,
  problems: Problems,
): Promise<ChosenPolicy | undefined> {
  const own = policyNames(parsed);
  if (own.includes(argument)) return { name: argument, argument };
  const extension = extname(argument);
  if (CODE.includes(extension)) {
    const name = await nameInFile(argument, problems);
    if (name === undefined) return undefined;
    return { name, argument, written: { name, file: besideScenario(parsed, argument) } };
  }
  if (CONFIGURATION.includes(extension)) {
    if (from.readFile(argument) === undefined) {
      problems.addFileError("--policy", `expected a file that can be read, got "${argument}"`);
      return undefined;
    }
    const name = basename(argument, extension);
    return { name, argument, written: { name, configuration: besideScenario(parsed, argument) } };
  }
  const shelf = [DEFAULT_POLICY, ...SHELF.map(({ name }) => name)];
  if (shelf.includes(argument)) return { name: argument, argument, written: argument };
  const suggestion = closestOf(argument, [...own, ...shelf]);
  const hint = suggestion === undefined ? "" : `; did you mean "${suggestion}"?`;
  problems.addFileError(
    "--policy",
    `expected a policy of the scenario or of the shelf (seatrial policies), or a .ts, .js or .yaml file, got "${argument}"${hint}`,
  );
  return undefined;
}

/** Names of the scenario's own policies. */
export function policyNames({ scenario }: ScenarioFile): string[] {
  const written = scenario.spec.policies ?? [DEFAULT_POLICY];
  return written.map((policy) => (typeof policy === "string" ? policy : policy.name));
}

/** Paths in a scenario are relative to it; one of the command line is relative to the working folder. */
function besideScenario({ file }: ScenarioFile, path: string): string {
  return posix.isAbsolute(path) ? path : posix.relative(posix.dirname(file), path);
}

async function nameInFile(file: string, problems: Problems): Promise<string | undefined> {
  try {
    const policy = await loadPolicy(file);
    shelfWith([policy]);
    return policy.name;
  } catch (error) {
    problems.addFileError(file, messageOf(error, file));
    return undefined;
  }
}

/**
 * Loads the policy files that a study names, as its workers will: what is wrong with them is known before anything
 * runs.
 */
export async function checkPolicyFiles(study: StudyModel, problems: Problems): Promise<void> {
  for (const policy of study.policies) {
    if (policy.file === undefined) continue;
    try {
      const { name } = await loadPolicy(policy.file).then((own) => {
        shelfWith([own]);
        return own;
      });
      if (!usesPlugin(policy, name)) {
        const message = `the policy in this file is called "${name}"; expected \`plugin: ${name}\` in the scenario's policy "${policy.name}"`;
        problems.addFileError(policy.file, message);
      }
    } catch (error) {
      problems.addFileError(policy.file, messageOf(error, policy.file));
    }
  }
}

function usesPlugin({ profiles }: PolicyModel, name: string): boolean {
  return profiles.some(({ plugins }) => plugins.some((plugin) => plugin.name === name));
}

function messageOf(error: unknown, file: string): string {
  const message = error instanceof Error ? error.message : String(error);
  const head = `policy file ${file}: `;
  return error instanceof PolicyFileError && message.startsWith(head) ? message.slice(head.length) : message;
}
