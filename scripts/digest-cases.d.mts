import type { simulate } from "../src/cluster/simulate.js";
import type { playCell } from "../src/etcd-study/play.js";
import type { loadScenario } from "../src/scenario/compile.js";
import type { loadEtcdStudy } from "../src/scenario/etcd-study.js";
import type { fileSource } from "../src/workload/files.js";

export interface DigestRow {
  readonly scenario: string;
  readonly policy: string;
  readonly digest: string;
  readonly steps: number;
  readonly tables: string;
}

export interface DigestLibrary {
  readonly loadScenario: typeof loadScenario;
  readonly fileSource: typeof fileSource;
  readonly simulate: typeof simulate;
}

export interface StudyDigestLibrary {
  readonly loadEtcdStudy: typeof loadEtcdStudy;
  readonly fileSource: typeof fileSource;
  readonly playCell: typeof playCell;
}

export function shippedScenarios(root: string): string[];
export function digestRows(library: DigestLibrary, root: string, scenario: string): DigestRow[];
export function shippedStudies(root: string): string[];
export function studyDigestRows(library: StudyDigestLibrary, root: string, name: string): DigestRow[];
