/** The node lifecycle controller's shortcuts beside a twin that visits every node in every pass and skips no tick. */
import { describe, expect, it } from "vitest";
import { type CountedDraws, RandomStreams } from "../../src/engine/random.js";
import { NodeHarness } from "./node-harness.js";

const END = 1_500;
const LIVES = 24;

/** Outages of nodes' power and network and of the API, changes of the leader: the same for both twins of a seed. */
function script(harness: NodeHarness, zones: readonly number[], draws: CountedDraws): void {
  const nodes = zones.reduce((sum, count) => sum + count, 0);
  for (let node = 0; node < nodes; node++) {
    harness.pod(node);
    // Many are struck at about one moment, so that whole zones go.
    for (let outage = 0; outage < 2; outage++) {
      const draw = (purpose: number): number => draws.uniform(node, outage * 10 + purpose);
      if (draw(0) < 0.4) continue;
      const from = 60 + outage * 700 + draw(1) * 200;
      const until = from + draw(2) * 400;
      const power = draw(3) < 0.5;
      harness.at(from, () => (power ? harness.powerOff(node) : harness.isolate(node)));
      harness.at(until, () => (power ? harness.powerOn(node) : harness.reconnect(node)));
    }
  }
  for (const [centre] of zones.entries()) {
    const from = 100 + draws.uniform(centre, 1_000) * 900;
    harness.at(from, () => harness.setWritable(centre, false));
    harness.at(from + draws.uniform(centre, 1_001) * 90, () => harness.setWritable(centre, true));
  }
  const change = 300 + draws.uniform(0, 1_002) * 600;
  harness.at(0, () => harness.lead());
  harness.at(change, () => harness.abdicate());
  harness.at(change + 20, () => harness.lead());
}

function life(seed: number, literal: boolean): { readonly harness: NodeHarness; readonly events: number } {
  const draws = new RandomStreams(`lifecycle-twin/${seed}`).counted("script");
  const zones = Array.from({ length: 1 + (seed % 3) }, (_, zone) =>
    Math.ceil(12 * draws.uniform(zone, 2_000)),
  );
  const harness = new NodeHarness({ zones, seed: String(seed), literal });
  script(harness, zones, draws);
  harness.run(END);
  return { harness, events: harness.sim.steps };
}

describe("the node lifecycle controller", () => {
  it("does the same at the same microsecond as one that visits every node and has every tick of its worker", () => {
    let seen = "";
    for (let seed = 0; seed < LIVES; seed++) {
      const computed = life(seed, false);
      const literal = life(seed, true);
      expect(computed.harness.rows, `life ${seed}`).toEqual(literal.harness.rows);
      expect(computed.events, `life ${seed} takes fewer events`).toBeLessThan(literal.events - 10_000);
      seen += computed.harness.rows.map(([, what]) => what).join("\n");
    }
    // All that the shortcuts might spoil did happen.
    for (const what of ["Unknown", "unreachable:NoExecute", "unreachable:NoSchedule", "True", "podRemoved"]) {
      expect(seen).toContain(what);
    }
  });
});
