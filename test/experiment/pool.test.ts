import { describe, expect, it } from "vitest";
import { type Cell, planCells, runOrder } from "../../src/experiment/plan.js";
import { type CellOutcome, runCells } from "../../src/experiment/pool.js";
import { studyOf, TASK } from "./study.js";

const task = TASK;

const run = (policies: readonly string[], replications: number, workers: number): Promise<CellOutcome[]> =>
  runCells(studyOf(policies, replications), planCells(policies.length, replications), { workers, task });

const statuses = (outcomes: readonly CellOutcome[]): string =>
  outcomes.map(({ status, cell }) => `${cell.policyIndex}/${cell.replication} ${status}`).join(", ");

const errorOf = (outcome: CellOutcome | undefined): string =>
  outcome?.status === "failed" ? outcome.error : "none";

describe("the plan", () => {
  it("lists cells by policy, then replication, and hands them out by replication, then policy", () => {
    const cells = planCells(2, 3);
    const name = (cell: Cell | undefined): string => `${cell?.policyIndex}/${cell?.replication}`;
    expect(cells.map(name).join(" ")).toBe("0/0 0/1 0/2 1/0 1/1 1/2");
    expect(
      runOrder(cells)
        .map((index) => name(cells[index]))
        .join(" "),
    ).toBe("0/0 1/0 0/1 1/1 0/2 1/2");
    expect(() => planCells(0, 1)).toThrow("policy");
    expect(() => planCells(1, 0)).toThrow("replication");
  });
});

describe("the pool", () => {
  it("delivers in plan order, whoever finishes first", async () => {
    const finished: string[] = [];
    const cells = planCells(2, 3);
    const outcomes = await runCells(studyOf(["late-a", "late-b"], 3), cells, {
      workers: 6,
      task,
      onOutcome: ({ cell }) => finished.push(`${cell.policyIndex}/${cell.replication}`),
    });
    expect(outcomes.map((outcome) => outcome.cell)).toEqual(cells);
    expect(outcomes.every((outcome) => outcome.status === "done")).toBe(true);
    expect(finished).toHaveLength(6);
    expect(new Set(finished).size).toBe(6);
  });

  it("gives the same outcomes inline, with one worker and with three", async () => {
    const inline = await run(["a", "b"], 4, 0);
    expect(statuses(inline)).toBe(
      "0/0 done, 0/1 done, 0/2 done, 0/3 done, 1/0 done, 1/1 done, 1/2 done, 1/3 done",
    );
    expect(await run(["a", "b"], 4, 1)).toEqual(inline);
    expect(await run(["a", "b"], 4, 3)).toEqual(inline);
  });

  it.each([0, 1, 2])("reports an exception with its cell and goes on (%i workers)", async (workers) => {
    const outcomes = await run(["throws", "ok"], 3, workers);
    expect(statuses(outcomes)).toBe("0/0 done, 0/1 failed, 0/2 done, 1/0 done, 1/1 done, 1/2 done");
    expect(errorOf(outcomes[1])).toContain("RangeError: the second replication is cursed");
    expect(errorOf(outcomes[1])).toContain("task.mjs");
  });

  it.each([
    ["exits", "exited with code 7"],
    ["stray", "TypeError: thrown by a timer"],
    ["uncloneable", "could not be cloned"],
  ])("survives a worker that %s: one cell lost, a new worker goes on", async (behaviour, error) => {
    const outcomes = await run([behaviour, "ok"], 3, 1);
    expect(statuses(outcomes)).toBe("0/0 done, 0/1 failed, 0/2 done, 1/0 done, 1/1 done, 1/2 done");
    expect(errorOf(outcomes[1])).toContain(error);
  });

  it("survives a worker that runs out of memory", async () => {
    const study = studyOf(["hungry"], 3);
    const outcomes = await runCells(study, planCells(1, 3), { workers: 1, task, workerHeapMiB: 32 });
    expect(statuses(outcomes)).toBe("0/0 done, 0/1 failed, 0/2 done");
    expect(errorOf(outcomes[1])).toMatch(/memory/i);
  });

  it("ends when no worker can even load its task, every cell failed for that reason", async () => {
    const study = studyOf(["a"], 2);
    const outcomes = await runCells(study, planCells(1, 2), {
      workers: 2,
      task: new URL("missing.mjs", task).href,
    });
    expect(statuses(outcomes)).toBe("0/0 failed, 0/1 failed");
    expect(errorOf(outcomes[0])).toContain("missing.mjs");
  });

  it.each([
    1, 2,
  ])("stops when told, keeps what is finished and gives up what is not (%i workers)", async (workers) => {
    const stop = new AbortController();
    const outcomes = await runCells(studyOf(["ok", "endless"], 2), planCells(2, 2), {
      workers,
      task,
      signal: stop.signal,
      onOutcome: () => setTimeout(() => stop.abort(), 20),
    });
    expect(outcomes[0]).toMatchObject({ status: "done", cell: { policyIndex: 0, replication: 0 } });
    expect(
      outcomes.filter((outcome) => outcome.cell.policyIndex === 1).map((outcome) => outcome.status),
    ).toEqual(["skipped", "skipped"]);
  });

  it("stops inline after the cell under way", async () => {
    const stop = new AbortController();
    const outcomes = await runCells(studyOf(["slow"], 4), planCells(1, 4), {
      workers: 0,
      task,
      signal: stop.signal,
      onOutcome: ({ cell }) => {
        if (cell.replication === 1) stop.abort();
      },
    });
    expect(statuses(outcomes)).toBe("0/0 done, 0/1 done, 0/2 skipped, 0/3 skipped");
  });

  it("begins nothing when stopped beforehand", async () => {
    for (const workers of [0, 2]) {
      const signal = AbortSignal.abort();
      const outcomes = await runCells(studyOf(["ok"], 2), planCells(1, 2), { workers, task, signal });
      expect(statuses(outcomes)).toBe("0/0 skipped, 0/1 skipped");
    }
  });

  it("takes no more workers than there are cells, and refuses nonsense", async () => {
    expect(statuses(await run(["ok"], 1, 64))).toBe("0/0 done");
    await expect(run(["ok"], 1, -1)).rejects.toThrow("workers");
  });
});
