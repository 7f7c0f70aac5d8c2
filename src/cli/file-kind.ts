/** What a file is, by its first document's own words. */
import { SCENARIO_API_VERSION } from "../scenario/schema.js";
import type { FileSource } from "../workload/files.js";
import { Problems } from "../workload/problems.js";
import { readYaml } from "../workload/yaml.js";
import { BadInput } from "./exit.js";

export type FileKind = "Scenario" | "EtcdStudy" | "KubeSchedulerConfiguration" | "manifests";

/** What cannot be read is left to the reader of manifests to complain about. */
export function kindOfFile(file: string, from: FileSource): FileKind {
  const text = from.readFile(file);
  if (text === undefined) return "manifests";
  const data = readYaml(text, file, new Problems())[0]?.data;
  if (typeof data !== "object" || data === null) return "manifests";
  const { apiVersion, kind } = data as { readonly apiVersion?: unknown; readonly kind?: unknown };
  if (kind === "EtcdStudy" || kind === "Scenario" || kind === "KubeSchedulerConfiguration") return kind;
  const group = SCENARIO_API_VERSION.split("/")[0] ?? "";
  return String(apiVersion).startsWith(group) ? "Scenario" : "manifests";
}

/** Stops where the file is of the other kind that Seatrial runs, and says which command runs it. */
export function refuseOtherKind(file: string, from: FileSource, wanted: "Scenario" | "EtcdStudy"): void {
  const kind = kindOfFile(file, from);
  if (kind === wanted || (kind !== "Scenario" && kind !== "EtcdStudy")) return;
  const command = kind === "EtcdStudy" ? "etcd" : "run";
  throw new BadInput([`${file}: kind: expected ${wanted}, got "${kind}"; seatrial ${command} runs it`]);
}
