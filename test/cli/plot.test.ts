import { describe, expect, it } from "vitest";
import { plotLines } from "../../src/cli/text/plot.js";

describe("a plot of points", () => {
  it("puts 0 before a logarithmic scale, the largest to the right and the highest on top", () => {
    const lines = plotLines(
      [
        { letter: "a", x: 0, y: 0 },
        { letter: "b", x: 1, y: 50 },
        { letter: "c", x: 10, y: 50 },
        { letter: "d", x: 100, y: 100 },
      ],
      40,
    );
    expect(lines).toEqual([
      " 100 │                               d",
      ...Array.from({ length: 4 }, () => "     │"),
      "     │   b             c",
      ...Array.from({ length: 5 }, () => "     │"),
      "   0 │a",
      "     └────────────────────────────────",
      "      0  1                         100",
    ]);
  });

  it("puts points that fall together beside each other", () => {
    const same = ["a", "b", "c"].map((letter) => ({ letter, x: 5, y: 1 }));
    expect(plotLines(same, 40)[0]).toBe(" 1 │  cab");
    const zeros = ["a", "b", "c"].map((letter) => ({ letter, x: 0, y: 1 }));
    expect(plotLines([...zeros, { letter: "d", x: 5, y: 1 }], 40)[0]).toBe(" 1 │abc  d");
  });
});
