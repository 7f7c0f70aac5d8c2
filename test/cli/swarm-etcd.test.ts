/** `npm run swarm:etcd` as a user meets it: the built file, started as a process in a folder of its own. */
import { execFile } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, it } from "vitest";
import type { LifePlan } from "../../src/swarm/plan.js";

const COMMAND = fileURLToPath(new URL("../../dist/cli/swarm-etcd.js", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "seatrial-swarm-"));
afterAll(() => rmSync(folder, { recursive: true }));

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function swarm(...args: readonly string[]): Promise<Ended> {
  if (!existsSync(COMMAND)) throw new Error(`${COMMAND} is missing: npm run build`);
  return new Promise((resolve) => {
    execFile(process.execPath, [COMMAND, ...args], { cwd: folder }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr });
    });
  });
}

describe("npm run swarm:etcd", () => {
  it("plays lives, counts what they went through, and says the same with any number of workers", async () => {
    const [none, two] = await Promise.all(
      ["0", "2"].map((workers) => swarm("--lives", "14", "--json", "--workers", workers)),
    );
    expect(none?.code).toBe(0);
    const { lives, operationsFewest, counts } = JSON.parse(none?.stdout ?? "");
    expect(lives).toBe(14);
    expect(operationsFewest).toBeGreaterThanOrEqual(200);
    expect(counts.turns["leader elected"]).toBeGreaterThanOrEqual(14);
    expect(two).toEqual(none);
  }, 60_000);

  it("finds a defect, shrinks the life, and replays the shorter plan by the command that it names", async () => {
    const found = await swarm("--lives", "4", "--quiet", "--plant", "double-vote");
    expect(found.code).toBe(1);
    expect(found.stdout).toBe("");
    expect(found.stderr).toContain("One Vote per Term");
    const file = /--replay (\S+)/.exec(found.stderr)?.[1] ?? "";
    const plan = JSON.parse(readFileSync(join(folder, file), "utf8")) as LifePlan;
    expect(plan.faults.length).toBeLessThanOrEqual(2);
    const replayed = await swarm("--replay", file);
    expect(replayed.code).toBe(1);
    expect(replayed.stdout).toContain("One Vote per Term");
    const { plant, ...sound } = plan;
    expect(plant).toBe("double-vote");
    writeFileSync(join(folder, "sound.json"), JSON.stringify(sound));
    expect((await swarm("--replay", "sound.json")).code).toBe(0);
  }, 60_000);

  it("refuses what makes no sense", async () => {
    expect((await swarm("--lives", "many")).code).toBe(2);
    expect((await swarm("--plant", "nothing")).code).toBe(2);
    expect((await swarm("--replay", "nowhere.json")).code).toBe(2);
    expect((await swarm("--help")).code).toBe(0);
  }, 30_000);
});
