import { describe, expect, it } from "vitest";
import { closestOf, editDistance, formatProblem, Problems, showValue } from "../../src/workload/problems.js";

describe("Problems", () => {
  it("are shown as one line with place, path, expectation, value and suggestion", () => {
    const message = "expected DoNotSchedule or ScheduleAnyway";
    const whole = {
      file: "shop.yaml",
      line: 12,
      column: 9,
      path: "spec.x",
      value: "DoNotShedule",
      message,
      suggestion: "DoNotSchedule",
      severity: "error",
    } as const;
    expect(formatProblem(whole)).toBe(
      'shop.yaml:12:9: spec.x: expected DoNotSchedule or ScheduleAnyway, got "DoNotShedule"; did you mean "DoNotSchedule"?',
    );
    expect(formatProblem({ file: "a", path: "", message: "expected a file", severity: "warning" })).toBe(
      "a: warning: expected a file",
    );
  });

  it("are listed by file, line and column, whatever the order they were found in", () => {
    const problems = new Problems();
    for (const [file, line, column] of [
      ["b", 1, 1],
      ["a", 10, 1],
      ["a", 9, 2],
      ["a", 9, 1],
    ] as const) {
      problems.add({ file, line, column, path: "", message: "m", severity: "warning" });
    }
    expect(problems.hasErrors).toBe(false);
    problems.addFileError("c", "expected a file");
    expect(problems.hasErrors).toBe(true);
    expect(problems.list().map(({ file, line = 0, column = 0 }) => `${file}:${line}:${column}`)).toEqual([
      "a:9:1",
      "a:9:2",
      "a:10:1",
      "b:1:1",
      "c:0:0",
    ]);
  });

  it("suggest the nearest word, and none where none is near", () => {
    expect(closestOf("Deploymnet", ["Pod", "Deployment", "DaemonSet"])).toBe("Deployment");
    expect(closestOf("noschedule", ["NoSchedule", "NoExecute"])).toBe("NoSchedule");
    expect(closestOf("Ingress", ["Pod", "Node", "Service"])).toBeUndefined();
    expect(closestOf("x", [])).toBeUndefined();
    expect(editDistance("kitten", "sitting")).toBe(3);
    expect(editDistance("ab", "ba")).toBe(1);
    expect(editDistance("", "abc")).toBe(3);
  });

  it("show long and large values cut", () => {
    expect(showValue([1, 2, 3])).toBe("a list of 3");
    expect(showValue([])).toBe("an empty list");
    expect(showValue({ a: 1, b: 2, c: 3, d: 4 })).toBe("a mapping with a, b, c, …");
    expect(showValue({})).toBe("an empty mapping");
    expect(showValue("x".repeat(100))).toHaveLength(60);
    expect(showValue(12345678901234567890n)).toBe("12345678901234567890");
    expect(showValue(null)).toBe("null");
  });
});
