import { describe, expect, it } from "vitest";
import { AssertionError } from "../../src/assert.js";
import { eventKinds, LivelockError, Simulation, StepLimitError } from "../../src/engine/simulation.js";

const KINDS = ["tick", "bell"] as const;
type Kind = (typeof KINDS)[number];

function recording(limits = {}): { simulation: Simulation<Kind>; log: string[] } {
  const simulation = new Simulation<Kind>(KINDS, limits);
  const log: string[] = [];
  const note = (kind: Kind) => (subject: number, detail: number) => {
    log.push(`${simulation.now} ${kind} ${subject} ${detail}`);
  };
  simulation.handle({ tick: note("tick"), bell: note("bell") });
  return { simulation, log };
}

describe("the simulation's loop", () => {
  it("handles events by time, then in the order scheduled, and leaves later ones waiting", () => {
    const { simulation, log } = recording();
    simulation.schedule(20, simulation.kinds.bell, 1);
    simulation.schedule(10, simulation.kinds.tick, 2, 5);
    simulation.schedule(20, simulation.kinds.tick, 3);
    simulation.schedule(21, simulation.kinds.tick, 4);
    simulation.run(20);
    expect(log).toEqual(["10 tick 2 5", "20 bell 1 0", "20 tick 3 0"]);
    expect(simulation).toMatchObject({ now: 20, steps: 3, waiting: 1 });
    simulation.run(100);
    expect(log.at(-1)).toBe("21 tick 4 0");
    expect(simulation.now).toBe(100);
  });

  it("says until when nothing but ignored events happens: the next other one, or the end of the run", () => {
    const simulation = new Simulation<Kind>(KINDS);
    const { tick, bell } = simulation.kinds;
    const seen: number[] = [];
    simulation.handle({
      tick: () => seen.push(simulation.nothingBefore((kind) => kind === tick)),
      bell: () => {},
    });
    for (const at of [1, 2, 7, 9]) simulation.schedule(at, tick, 0);
    simulation.schedule(5, bell, 0);
    simulation.schedule(50, bell, 0);
    simulation.run(8);
    simulation.run(20);
    expect(seen).toEqual([5, 5, 8, 20]);
    expect(simulation.until).toBe(20);
  });

  it("handles what a handler schedules for the same instant, in the same run", () => {
    const simulation = new Simulation<Kind>(KINDS);
    const times: number[] = [];
    simulation.handle({
      tick: (left) => {
        if (left > 0) simulation.after(0, simulation.kinds.tick, left - 1);
        else simulation.after(3, simulation.kinds.bell, 0);
      },
      bell: () => times.push(simulation.now),
    });
    simulation.schedule(5, simulation.kinds.tick, 4);
    simulation.run(10);
    expect(times).toEqual([8]);
    expect(simulation.steps).toBe(6);
  });

  it("stops after the event whose handler asked for it, with the clock at that event", () => {
    const simulation = new Simulation<Kind>(KINDS);
    simulation.handle({ tick: () => simulation.stop(), bell: () => {} });
    for (const at of [1, 2, 3]) simulation.schedule(at, simulation.kinds.tick, at);
    simulation.run(10);
    expect(simulation).toMatchObject({ now: 1, waiting: 2 });
    simulation.run(10);
    expect(simulation.now).toBe(2);
  });

  it("shows each event to the observer after its handler", () => {
    const { simulation, log } = recording();
    simulation.observe((kind, subject, detail) => log.push(`seen ${kind} ${subject} ${detail}`));
    simulation.schedule(1, simulation.kinds.bell, 8, 9);
    simulation.run(1);
    expect(log).toEqual(["1 bell 8 9", "seen bell 8 9"]);
  });

  it("names the time and the last kind of event when the clock stands still for too long", () => {
    const simulation = new Simulation<Kind>(KINDS, { stepsPerInstantMax: 1_000 });
    simulation.handle({
      tick: () => simulation.after(0, simulation.kinds.bell, 0),
      bell: () => simulation.after(0, simulation.kinds.tick, 0),
    });
    simulation.schedule(90_000_000, simulation.kinds.tick, 0);
    expect(() => simulation.run(1e9)).toThrow(LivelockError);
    expect(simulation.steps).toBe(1_001);
    const again = new Simulation<Kind>(KINDS, { stepsPerInstantMax: 3 });
    again.handle({ tick: () => again.after(0, again.kinds.tick, 0), bell: () => {} });
    again.schedule(90_000_000, again.kinds.tick, 0);
    expect(() => again.run(1e9)).toThrow(
      'more than 3 events at 1m30s without the clock moving, the last of kind "tick"',
    );
  });

  it("counts events at one instant anew whenever the clock moves, also between runs", () => {
    const { simulation, log } = recording({ stepsPerInstantMax: 2 });
    for (let i = 0; i < 2; i++) simulation.schedule(5, simulation.kinds.tick, i);
    simulation.run(10);
    for (let i = 0; i < 2; i++) simulation.schedule(10, simulation.kinds.tick, i);
    for (let i = 0; i < 2; i++) simulation.schedule(11, simulation.kinds.tick, i);
    simulation.run(20);
    expect(log).toHaveLength(6);
  });

  it("stops with a step limit error that says how far the run came", () => {
    const { simulation } = recording({ stepsMax: 2 });
    for (const at of [1_000_000, 2_000_000, 3_000_000]) simulation.schedule(at, simulation.kinds.tick, 0);
    expect(() => simulation.run(1e9)).toThrow(StepLimitError);
    expect(simulation.steps).toBe(3);
    expect(simulation.now).toBe(3_000_000);
  });

  it("refuses events in the past, at fractions of a µs, and of unknown kinds", () => {
    const { simulation } = recording();
    simulation.run(100);
    expect(() => simulation.schedule(99, simulation.kinds.tick, 0)).toThrow("in the past");
    expect(() => simulation.schedule(100.5, simulation.kinds.tick, 0)).toThrow("not whole µs");
    expect(() => simulation.schedule(Number.NaN, simulation.kinds.tick, 0)).toThrow(AssertionError);
    expect(() => simulation.schedule(200, 2, 0)).toThrow("unknown kind 2");
    expect(() => simulation.run(50)).toThrow(AssertionError);
    expect(simulation.waiting).toBe(0);
  });

  it("refuses to run unwired, and to be wired twice", () => {
    const simulation = new Simulation<Kind>(KINDS);
    expect(() => simulation.run(1)).toThrow("handlers");
    simulation.handle({ tick: () => {}, bell: () => {} });
    expect(() => simulation.handle({ tick: () => {}, bell: () => {} })).toThrow("wired twice");
  });

  it("numbers kinds in the order given", () => {
    expect(eventKinds(["a", "b", "c"])).toEqual({ a: 0, b: 1, c: 2 });
  });
});
