/** Dials of a host that refuses them, left out until somebody listens: what comes of them is what would have come of each. */
import { describe, expect, it } from "vitest";
import { type RandomStream, RandomStreams } from "../../src/engine/random.js";
import { PeersRig } from "./peers-rig.js";

const END_MS = 6000;

/** When streams stood, as two members see it: sampled every 7 ms; and how many events it took. */
function life(seed: number, plays: boolean) {
  const dice = new RandomStreams(`redial/${seed}`).stream("plan");
  const rig = new PeersRig(3, { oneWayMs: [1, 10, 30, 49][dice.below(4)] as number });
  // A network that can say nothing beforehand has every dial played.
  if (plays) rig.network.redial = () => undefined;
  const downs = plan(rig, dice);
  const lines: string[] = [];
  for (let ms = 0; ms < END_MS; ms += 7) {
    rig.until(ms);
    const seen = [0, 1].map((m) => [0, 1, 2].map((to) => rig.process(m).peers.activeSinceUs(to)).join(" "));
    lines.push(`${ms}: ${seen.join(" | ")} of ${downs.join(" ")}`);
  }
  return { lines, steps: rig.simulation.steps };
}

/** Member 2 dies and comes back, twice; meanwhile lines are cut and mended. Half a millisecond off what dials come to. */
function plan(rig: PeersRig, dice: RandomStream): string[] {
  const lines: string[] = [];
  const someMs = (from: number, span: number): number => from + dice.below(span) + 0.5;
  for (const from of [500, 3200]) {
    const [kill, start] = [someMs(from, 300), someMs(from + 400, 2000)];
    rig.at(kill, () => rig.kill(2));
    rig.at(start, () => rig.start(2));
    lines.push(`down ${kill} to ${start}`);
    if (dice.below(3) === 0) continue;
    const [a, b] = [
      [0, 2],
      [2, 0],
      [1, 2],
    ][dice.below(3)] as [number, number];
    const cut = someMs(from + 300, 1200);
    const heal = someMs(cut, 600);
    rig.at(cut, () => rig.network.cut(a, b));
    rig.at(heal, () => rig.network.heal(a, b));
    lines.push(`cut ${a} to ${b} ${cut} to ${heal}`);
  }
  return lines;
}

describe("dials that are refused as a matter of course", () => {
  it("let streams stand at the same moments as dials that are played, at a part of the events", () => {
    let [left, played] = [0, 0];
    for (let seed = 1; seed <= 60; seed++) {
      const [a, b] = [life(seed, false), life(seed, true)];
      for (let i = 0; i < b.lines.length; i++)
        if (a.lines[i] !== b.lines[i])
          expect(`life ${seed}, ${a.lines[i]}`).toBe(`life ${seed}, ${b.lines[i]}`);
      left += a.steps;
      played += b.steps;
    }
    expect(left).toBeLessThan(0.7 * played);
  });

  it("are played where packets may be lost", () => {
    const rig = new PeersRig(2, { oneWayMs: 10, loss: 0.01 });
    rig.at(1000, () => rig.kill(1));
    rig.until(2000);
    const { steps } = rig.simulation;
    rig.until(3000);
    expect(rig.simulation.steps - steps).toBeGreaterThan(2 * 9 * 3);
  });
});
