import { expect } from "vitest";
import type { KubernetesObject } from "../../src/api/objects.js";
import type { FileSource } from "../../src/workload/files.js";
import { readManifests } from "../../src/workload/manifests.js";
import { formatProblem, Problems } from "../../src/workload/problems.js";
import { readYaml } from "../../src/workload/yaml.js";

/** Files in memory, by path. */
export function memorySource(files: Readonly<Record<string, string>>): FileSource {
  const paths = Object.keys(files);
  return {
    readFile: (path) => files[path],
    list: (folder) => {
      const prefix = folder === "" || folder === "." ? "" : `${folder}/`;
      const names = new Set<string>();
      for (const path of paths) {
        if (!path.startsWith(prefix)) continue;
        const rest = path.slice(prefix.length);
        const slash = rest.indexOf("/");
        names.add(slash < 0 ? rest : rest.slice(0, slash + 1));
      }
      return names.size === 0 ? undefined : [...names].reverse();
    },
  };
}

/** The objects of a text without mistakes. */
export function objectsOf(text: string): KubernetesObject[] {
  const problems = new Problems();
  const objects = readManifests(readYaml(text, "f.yaml", problems), problems);
  expect(problems.list().map(formatProblem)).toEqual([]);
  return objects;
}

/** The only object of a text, of that kind. */
export function objectOf<Kind extends KubernetesObject["kind"]>(
  kind: Kind,
  text: string,
): Extract<KubernetesObject, { kind: Kind }> {
  const [object] = objectsOf(text);
  if (object?.kind !== kind) throw new Error(`expected a ${kind}`);
  return object as Extract<KubernetesObject, { kind: Kind }>;
}

/** What a user is told about a text. */
export function complaintsAbout(text: string): string[] {
  const problems = new Problems();
  readManifests(readYaml(text, "f.yaml", problems), problems);
  return problems.list().map(formatProblem);
}
