/** The command line as a user meets it: the built binary, started as a process, in a folder of its own. */
import { execFile, spawn } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { main } from "../../src/cli/program.js";

export const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const MAIN = join(ROOT, "dist/cli/main.js");

export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A folder of one test, with the command line in it. */
export class Workshop {
  readonly folder = mkdtempSync(join(tmpdir(), "seatrial-cli-"));

  constructor() {
    if (!existsSync(MAIN)) throw new Error(`${MAIN} is missing: npm run build`);
  }

  write(path: string, text: string): string {
    const file = join(this.folder, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
    return path;
  }

  read(path: string): string {
    return readFileSync(join(this.folder, path), "utf8");
  }

  has(path: string): boolean {
    return existsSync(join(this.folder, path));
  }

  /** Names in a folder, sorted. */
  list(path = "."): string[] {
    return readdirSync(join(this.folder, path)).sort();
  }

  /** Every file of a folder with its text. */
  texts(path: string): Record<string, string> {
    return Object.fromEntries(this.list(path).map((name) => [name, this.read(join(path, name))]));
  }

  /** Runs `seatrial …` to its end. */
  seatrial(...words: string[]): Promise<Ended> {
    return this.#run(process.execPath, [MAIN, ...words]);
  }

  /** Runs `seatrial …` in this process: quick, for what a process of its own adds nothing to. */
  async inProcess(...words: string[]): Promise<Ended> {
    const [stdout, stderr]: [string[], string[]] = [[], []];
    const terminal = {
      out: (text: string) => stdout.push(`${text}\n`),
      err: (text: string) => stderr.push(`${text}\n`),
      status: () => {},
      width: 140,
    };
    const here = words.map((word, index) =>
      words[index - 1] === "--out" || this.has(word) ? join(this.folder, word) : word,
    );
    const code = await main(here, terminal);
    return { code, stdout: stdout.join(""), stderr: stderr.join("") };
  }

  /** Runs a command that Seatrial has printed (`npx seatrial …`), as a shell would. */
  printed(command: string): Promise<Ended> {
    const line = command.trim().replace(/^npx seatrial /, `'${process.execPath}' '${MAIN}' `);
    return this.#run("sh", ["-c", line]);
  }

  /** Starts `seatrial …` and returns at once. */
  start(...words: string[]) {
    const child = spawn(process.execPath, [MAIN, ...words], { cwd: this.folder });
    let stdout = "";
    let stderr = "";
    child.stdout.on("data", (chunk) => {
      stdout += chunk;
    });
    child.stderr.on("data", (chunk) => {
      stderr += chunk;
    });
    const ended = new Promise<Ended>((resolve) => {
      child.on("close", (code) => resolve({ code: code ?? -1, stdout, stderr }));
    });
    return { child, ended };
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  #run(program: string, words: readonly string[]): Promise<Ended> {
    return new Promise((resolve) => {
      const options = { cwd: this.folder, maxBuffer: 64 * 1024 * 1024 };
      execFile(program, words, options, (error, stdout, stderr) => {
        const code = error === null ? 0 : typeof error.code === "number" ? error.code : -1;
        resolve({ code, stdout, stderr });
      });
    });
  }
}

/** A scenario of placement alone: `pods` of 1 cpu each on `nodes` nodes of 4 cpu. Lines are numbered from 1. */
export const PLACEMENT = `apiVersion: seatrial.dev/v1alpha1
kind: Scenario
metadata:
  name: placement
spec:
  seed: "cli"
  replications: 2
  horizon: 1m
  controlPlane: { mode: ideal }
  topology:
    sites:
      - name: here
        centres:
          - name: one
            nodePools:
              - { name: web, count: 3, allocatable: { cpu: "4", memory: 8Gi } }
  workload:
    manifests: [pods.yaml]
  objectives:
    - { metric: podsPendingAtEnd, atMost: 0 }
  plan: { pool: one/web, min: 1, max: 6 }
`;

/** A Deployment with so many replicas. */
export function deployment(replicas: number, cpu = "1"): string {
  return `apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  replicas: ${replicas}
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec:
      containers:
        - name: main
          image: web:1
          resources: { requests: { cpu: "${cpu}", memory: 256Mi } }
`;
}
