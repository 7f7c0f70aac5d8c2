/** A small scenario in memory, and what becomes of it when a line is changed. */
import { type CompiledScenario, type CompileOverrides, loadScenario } from "../../src/scenario/compile.js";
import type { FileSource } from "../../src/workload/files.js";
import { formatProblem } from "../../src/workload/problems.js";

export const SMALL_SCENARIO = `apiVersion: seatrial.dev/v1alpha1
kind: Scenario
metadata:
  name: small
spec:
  horizon: 10m
  topology:
    sites:
      - name: metro
        centres:
          - name: production
            racks: 2
            nodePools:
              - name: web
                count: 3
                allocatable: { cpu: "4", memory: 16Gi }
          - name: local-dr
            nodePools:
              - { name: web, count: 2, allocatable: { cpu: "4", memory: 16Gi } }
  controlPlane:
    etcd:
      members: { production: 2, local-dr: 1 }
  workload:
    manifests: [web.yaml]
    traffic:
      - service: web
        from: { metro: 10/s }
  failures:
    - kind: power
      scope: { centre: production }
      at: 2m
      for: 1m
  objectives:
    - metric: availability
      of: service/default/web
      atLeast: 0.9
`;

export const WEB_MANIFEST = `apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  replicas: 2
  selector:
    matchLabels: { app: web }
  template:
    metadata:
      labels: { app: web }
    spec:
      containers:
        - name: web
          image: web:1
          resources:
            requests: { cpu: 500m }
---
apiVersion: v1
kind: Service
metadata:
  name: web
spec:
  selector: { app: web }
  ports: [{ port: 80 }]
`;

/** Files in memory; folders are what their paths imply. */
export function memory(files: Readonly<Record<string, string>>): FileSource {
  return {
    readFile: (path) => files[path],
    list: (folder) => {
      const prefix = folder === "" || folder === "." ? "" : `${folder}/`;
      const below = Object.keys(files).filter((path) => path.startsWith(prefix));
      if (below.length === 0) return undefined;
      const names = below.map((path) => path.slice(prefix.length).replace(/\/.*/, "/"));
      return [...new Set(names)];
    },
  };
}

/** The small scenario with `from` replaced by `to` (once; it has to be there), and other files besides. */
export function edited(
  from: string,
  to: string,
  files: Readonly<Record<string, string>> = {},
  overrides: CompileOverrides = {},
): CompiledScenario {
  if (!SMALL_SCENARIO.includes(from)) throw new Error(`the small scenario has no ${JSON.stringify(from)}`);
  const text = SMALL_SCENARIO.replace(from, () => to);
  return loadScenario(
    "scenario.yaml",
    memory({ "web.yaml": WEB_MANIFEST, ...files, "scenario.yaml": text }),
    overrides,
  );
}

/** Problems as a user reads them. */
export function messages(compiled: CompiledScenario): string[] {
  return compiled.problems.list().map(formatProblem);
}
