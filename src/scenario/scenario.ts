/**
 * From a scenario file to a checked {@link Scenario}: all mistakes at once, each with file, line, column, path, value,
 * expectation and, where one is near, what was probably meant.
 */
import type { FileSource } from "../workload/files.js";
import { Problems } from "../workload/problems.js";
import { readYaml, type YamlDocument } from "../workload/yaml.js";
import { checkScenario } from "./checks.js";
import { type Scenario, scenarioSchema } from "./schema.js";
import { checkShape } from "./shape.js";

/** A scenario and where it stands; paths in it are relative to the file's folder. */
export interface ScenarioFile {
  /** As the user named it. */
  readonly file: string;
  readonly document: YamlDocument;
  readonly scenario: Scenario;
}

export interface ParsedScenario {
  /** Undefined where the file cannot be used. */
  readonly scenario?: ScenarioFile;
  readonly problems: Problems;
  /** The one document of the file, where there is one, though it may be no scenario. */
  readonly document?: YamlDocument;
}

/**
 * Reads one scenario file: its shape, then what can be judged by the file alone (names given twice, spans that
 * contradict each other). References to centres, services, plugins and other files are checked by `compile`.
 */
export function parseScenario(file: string, from: FileSource): ParsedScenario {
  const problems = new Problems();
  const text = from.readFile(file);
  if (text === undefined) {
    problems.addFileError(file, "expected a scenario file, but there is none that can be read");
    return { problems };
  }
  const [document, ...more] = readYaml(text, file, problems);
  if (document === undefined) {
    if (!problems.hasErrors) problems.addFileError(file, "expected a scenario, but the file is empty");
    return { problems };
  }
  const second = more[0];
  if (second !== undefined) {
    const message = "expected one document: a scenario stands alone in its file";
    problems.add({ file, ...second.positionOf([]), path: "", message, severity: "error" });
  }
  const scenario = checkShape(scenarioSchema, document.data, { document, at: [] }, problems);
  if (scenario === undefined) return { problems, document };
  const parsed = { file, document, scenario };
  checkScenario(parsed, problems);
  return problems.hasErrors ? { problems, document } : { scenario: parsed, problems, document };
}
