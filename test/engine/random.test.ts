import { describe, expect, it } from "vitest";
import { CountedDraws, RandomStreams } from "../../src/engine/random.js";
import { inverseLowerGamma } from "../../src/engine/special-functions.js";

const DRAWS = 20_000;

// seedrandom.alea("pinned/x")
const PINNED_STREAM = [0.725020861485973, 0.6137211546301842, 794];
const PINNED_COUNTED = [0.8752177788410336, 0.8063042466528714, 0.9996732610743493, 0.4219581938814372];

/** Chi-square of the draws over equally likely cells, and the value that chance exceeds once in 10,000 times. */
function chiSquare(draws: readonly number[], cells: number): { value: number; limit: number } {
  const counts = new Array<number>(cells).fill(0);
  for (const draw of draws) counts[Math.floor(draw * cells)] = (counts[Math.floor(draw * cells)] ?? 0) + 1;
  const expected = draws.length / cells;
  const value = counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
  // Chi-square with k degrees of freedom is Gamma(k/2, 2).
  return { value, limit: 2 * inverseLowerGamma((cells - 1) / 2, 0.9999) };
}

function correlation(a: readonly number[], b: readonly number[]): number {
  const n = a.length;
  const mean = (xs: readonly number[]) => xs.reduce((s, x) => s + x, 0) / n;
  const [ma, mb] = [mean(a), mean(b)];
  let [ab, aa, bb] = [0, 0, 0];
  for (let i = 0; i < n; i++) {
    const [x, y] = [(a[i] ?? 0) - ma, (b[i] ?? 0) - mb];
    ab += x * y;
    aa += x * x;
    bb += y * y;
  }
  return ab / Math.sqrt(aa * bb);
}

/** Four standard errors of a correlation of independent draws: 1/√n each. */
const CORRELATION_LIMIT = 4 / Math.sqrt(DRAWS);

const take = (next: () => number, n = DRAWS): number[] => Array.from({ length: n }, next);

const expectUniform = (draws: readonly number[], what: string): void => {
  const { value, limit } = chiSquare(draws, 100);
  expect(value, what).toBeLessThan(limit);
  expect(Math.min(...draws), what).toBeGreaterThanOrEqual(0);
  expect(Math.max(...draws), what).toBeLessThan(1);
};

describe("random streams", () => {
  const streams = new RandomStreams("a study/0");

  it("give the same draws at the same address, whatever was drawn elsewhere or before", () => {
    const original = streams.stream("kubelet-start/web-3");
    const first = take(() => original.uniform(), 5);
    streams.stream("another").uniform();
    const second = streams.stream("kubelet-start/web-3");
    expect([second.uniform(), second.uniform()]).toEqual(first.slice(0, 2));
    expect(new RandomStreams("a study/0").stream("kubelet-start/web-3").uniform()).toBe(first[0]);
  });

  it("are pinned to seedrandom's alea, so that a seed means the same for ever", () => {
    const stream = new RandomStreams("pinned").stream("x");
    expect([stream.uniform(), stream.uniform(), stream.below(1_000)]).toEqual(PINNED_STREAM);
    const draws = new RandomStreams("pinned").counted("x");
    expect([draws.uniform(0), draws.uniform(1), draws.uniform(0, 1), draws.uniform(2 ** 40, 3)]).toEqual(
      PINNED_COUNTED,
    );
  });

  it("are uniform and uncorrelated from one draw to the next, and between neighbouring addresses", () => {
    for (let i = 0; i < 10; i++) {
      const stream = streams.stream(`arrival/web-${i}`);
      const neighbour = streams.stream(`arrival/web-${i + 1}`);
      const draws = take(() => stream.uniform());
      expectUniform(draws, `stream ${i}`);
      expect(Math.abs(correlation(draws.slice(1), draws.slice(0, -1)))).toBeLessThan(
        CORRELATION_LIMIT * 1.01,
      );
      expect(
        Math.abs(
          correlation(
            draws,
            take(() => neighbour.uniform()),
          ),
        ),
      ).toBeLessThan(CORRELATION_LIMIT);
    }
  });

  it("have uniform first draws over addresses and over replications, where most draws are first ones", () => {
    expectUniform(take(indexed((i) => streams.stream(`pod/web/${i}/start`).uniform())), "by address");
    expectUniform(
      take(indexed((i) => new RandomStreams(`study/${i}`).stream("fault").uniform())),
      "by replication",
    );
  });

  it("draw integers below a bound, each as often as the others", () => {
    const stream = streams.stream("dice");
    const { value, limit } = chiSquare(
      take(() => (stream.below(6) + 0.5) / 6),
      6,
    );
    expect(value).toBeLessThan(limit);
  });
});

describe("counted draws", () => {
  const streams = new RandomStreams("a study/0");

  it("depend on address and counters only", () => {
    const draws = streams.counted("raft/member-1");
    const backwards = [9, 8, 7].map((n) => draws.uniform(n, 2));
    expect(
      [7, 8, 9].map((n) => new RandomStreams("a study/0").counted("raft/member-1").uniform(n, 2)),
    ).toEqual(backwards.reverse());
    expect(streams.counted("raft/member-1")).toBe(draws);
    expect(new RandomStreams("a study/1").counted("raft/member-1").uniform(7, 2)).not.toBe(backwards[0]);
  });

  it("are uniform along either counter, also beyond 32 bits, and over addresses", () => {
    for (let i = 0; i < 10; i++) {
      const draws = streams.counted(`heartbeat/node-${i}`);
      expectUniform(take(indexed((n) => draws.uniform(n))), `first counter of ${i}`);
      expectUniform(take(indexed((n) => draws.uniform(i, n))), `second counter of ${i}`);
      expectUniform(
        take(indexed((n) => draws.uniform(n * 1_000_000 + 2 ** 33, n))),
        `large counters of ${i}`,
      );
      expectUniform(take(indexed((n) => draws.uniform(n * 2 ** 32))), `high words of ${i}`);
    }
    expectUniform(take(indexed((n) => streams.counted(`node/${n}`).uniform(0))), "by address");
  });

  it("are uncorrelated between successive counters, counters exchanged, and addresses", () => {
    for (let i = 0; i < 10; i++) {
      const draws = streams.counted(`heartbeat/node-${i}`);
      const other = streams.counted(`heartbeat/node-${i + 1}`);
      const a = take(indexed((n) => draws.uniform(n)));
      for (const [what, b] of [
        ["next counter", take(indexed((n) => draws.uniform(n + 1)))],
        ["other address", take(indexed((n) => other.uniform(n)))],
        ["second counter", take(indexed((n) => draws.uniform(0, n)))],
        ["one more", take(indexed((n) => draws.uniform(n, 1)))],
      ] as const) {
        expect(Math.abs(correlation(a, b)), `${what} of ${i}`).toBeLessThan(CORRELATION_LIMIT);
      }
    }
  });

  it("fill the unit square: pairs of successive draws are equally likely everywhere", () => {
    const draws = streams.counted("pairs");
    const pairs = take(
      indexed((n) => (Math.floor(draws.uniform(2 * n) * 10) + draws.uniform(2 * n + 1)) / 10),
    );
    expectUniform(pairs, "pairs");
  });

  it("of two keys that differ in one word never share a sequence in another order", () => {
    // With one key word x, (x ^ a) ^ … gives key 5 at counter 0 what key 4 has at counter 1.
    const a = new Set(
      take(
        indexed((n) => new CountedDraws(4, 77).uniform(n)),
        4_096,
      ),
    );
    const shared = take(
      indexed((n) => new CountedDraws(5, 78).uniform(n)),
      4_096,
    ).filter((draw) => a.has(draw));
    expect(shared.length).toBeLessThan(4);
  });
});

function indexed(draw: (index: number) => number): () => number {
  let index = 0;
  return () => draw(index++);
}
