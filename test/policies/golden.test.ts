import { describe, expect, it } from "vitest";
import { readRecording, recordingNames } from "./golden/recorded.js";
import { replay } from "./golden/replay.js";

const present = recordingNames();
if (present.length === 0) {
  console.warn(
    "skipped: ../shared/golden/kube-scheduler-1.34 is not there, decisions are not compared with the real ones",
  );
}

/** Per-node results of every family; the twins (`…b`) and the large ones are left to a longer run. */
const DETAILED = present.filter((name) => /^[0-2][0-9]-/.test(name));
/** Adaptive sampling with one worker: where each walk begins and ends. */
const SAMPLING = present.filter((name) => name.startsWith("80-"));

describe.skipIf(present.length === 0)("as kube-scheduler v1.34.1 decided", () => {
  it.each([...DETAILED, ...SAMPLING])("every step of %s", (name) => {
    const { differences, compared } = replay(readRecording(name));
    expect(differences).toEqual([]);
    expect(compared).toBeGreaterThan(100);
  });

  it("in every family that the corpus has", () => {
    expect(DETAILED).toHaveLength(29);
    expect(SAMPLING).toHaveLength(1);
  });
});
