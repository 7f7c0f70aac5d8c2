import { describe, expect, it } from "vitest";
import { RandomStreams } from "../../src/engine/random.js";
import { Simulation } from "../../src/engine/simulation.js";
import { sample, type Variate } from "../../src/engine/variates.js";

const SECOND = 1_000_000;

interface QueueRun {
  /** Mean time in the queue (without service) of the customers after the warm-up, in s. */
  readonly waiting: number;
  /** Mean number in the system after the warm-up. */
  readonly inSystem: number;
  /** Share of customers after the warm-up who had to wait. */
  readonly waited: number;
  /** Integral of the number in the system over the whole run, and all customers' time in it: customer-µs. */
  readonly integralUs: number;
  readonly sojournsUs: number;
}

interface Queue {
  readonly arrivalsPerSecond: number;
  readonly service: Variate;
  readonly servers: number;
}

/** First come, first served at `servers` equal servers; runs until the last of the customers has left. */
function simulate(queue: Queue, customers: number, warmUp: number, seed: string): QueueRun {
  const streams = new RandomStreams(seed);
  const gaps = streams.stream("gaps");
  const services = streams.stream("services");
  const between: Variate = { kind: "exponential", mean: SECOND / queue.arrivalsPerSecond };
  const simulation = new Simulation(["arrive", "leave"] as const);
  const { arrive, leave } = simulation.kinds;
  const arrivedAt = new Float64Array(customers);
  const line: number[] = [];
  let [head, busy, present, changedAt, integral, sojourns] = [0, 0, 0, 0, 0, 0];
  let [waits, waited, warmAt, warmIntegral] = [0, 0, 0, 0];
  const count = (change: number): void => {
    integral += present * (simulation.now - changedAt);
    changedAt = simulation.now;
    present += change;
  };
  const serve = (customer: number): void => {
    busy++;
    const wait = simulation.now - (arrivedAt[customer] ?? 0);
    if (customer >= warmUp) {
      waits += wait;
      if (wait > 0) waited++;
    }
    simulation.after(Math.round(sample(queue.service, services)), leave, customer);
  };
  simulation.handle({
    arrive: (customer) => {
      count(1);
      if (customer === warmUp) [warmAt, warmIntegral] = [simulation.now, integral];
      arrivedAt[customer] = simulation.now;
      if (busy < queue.servers) serve(customer);
      else line.push(customer);
      if (customer + 1 < customers) simulation.after(Math.round(sample(between, gaps)), arrive, customer + 1);
    },
    leave: (customer) => {
      count(-1);
      busy--;
      sojourns += simulation.now - (arrivedAt[customer] ?? 0);
      const next = line[head];
      if (next !== undefined) {
        head++;
        serve(next);
      }
    },
  });
  simulation.schedule(0, arrive, 0);
  simulation.run(2 ** 50);
  const counted = customers - warmUp;
  return {
    waiting: waits / counted / SECOND,
    inSystem: (integral - warmIntegral) / (changedAt - warmAt),
    waited: waited / counted,
    integralUs: integral,
    sojournsUs: sojourns,
  };
}

/** Erlang's C formula: the probability that a customer of M/M/c has to wait. */
function erlangC(servers: number, load: number): number {
  let term = 1;
  let sum = 1;
  for (let k = 1; k < servers; k++) {
    term *= load / k;
    sum += term;
  }
  const last = ((term * load) / servers) * (servers / (servers - load));
  return last / (sum + last);
}

/** Student's t with 9 degrees of freedom, two-sided 99.9 % (printed tables). */
const T_9_999 = 4.781;

/** Holds ten runs' mean to the expected value by its own confidence interval, which must be narrow enough to mean something. */
function expectMean(values: readonly number[], expected: number, widest: number): void {
  const n = values.length;
  expect(n).toBe(10);
  const mean = values.reduce((sum, value) => sum + value, 0) / n;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  const halfWidth = T_9_999 * Math.sqrt(squares / (n - 1) / n);
  expect(halfWidth / expected).toBeLessThan(widest);
  expect(Math.abs(mean - expected)).toBeLessThan(halfWidth);
}

describe("queues whose answers are known", () => {
  // With load a = λ/μ and ρ = a/c: waiting = C(c, a) / (cμ − λ); number in the system = λ (waiting + 1/μ).
  it.each([
    [1, 0.5],
    [1, 0.8],
    [2, 0.75],
    [5, 0.8],
    [20, 0.8],
  ])("M/M/%i at utilisation %d waits as long as Erlang's formula says", (servers, rho) => {
    const serviceRate = 10;
    const arrivalsPerSecond = rho * servers * serviceRate;
    const queue: Queue = {
      arrivalsPerSecond,
      service: { kind: "exponential", mean: SECOND / serviceRate },
      servers,
    };
    const runs = Array.from({ length: 10 }, (_, i) =>
      simulate(queue, 44_000, 4_000, `mm${servers}/${rho}/${i}`),
    );
    const delayed = erlangC(servers, rho * servers);
    const waiting = delayed / (servers * serviceRate - arrivalsPerSecond);
    if (servers === 1) expect(delayed).toBeCloseTo(rho, 12);
    expectMean(
      runs.map((run) => run.waiting),
      waiting,
      0.2,
    );
    expectMean(
      runs.map((run) => run.waited),
      delayed,
      0.1,
    );
    expectMean(
      runs.map((run) => run.inSystem),
      arrivalsPerSecond * (waiting + 1 / serviceRate),
      0.12,
    );
  });

  it("M/G/1 waits as Pollaczek and Khinchine say, with Erlang, constant and log-normal service", () => {
    const services: readonly (readonly [Variate, number])[] = [
      [{ kind: "gamma", shape: 3, scale: SECOND / 30 }, 1 / 3],
      [{ kind: "constant", value: SECOND / 10 }, 0],
      [{ kind: "logNormal", mu: Math.log(SECOND / 10) - 0.125, sigma: 0.5 }, Math.expm1(0.25)],
    ];
    for (const [service, squaredVariation] of services) {
      const queue: Queue = { arrivalsPerSecond: 7, service, servers: 1 };
      const runs = Array.from({ length: 10 }, (_, i) =>
        simulate(queue, 33_000, 3_000, `mg1/${service.kind}/${i}`),
      );
      // ρ/(1−ρ) × mean service × (1 + c²)/2
      const waiting = ((0.7 / 0.3) * 0.1 * (1 + squaredVariation)) / 2;
      expectMean(
        runs.map((run) => run.waiting),
        waiting,
        0.1,
      );
    }
  });

  it("keep Little's law to the µs: the number present, integrated, is all time spent", () => {
    for (const seed of ["a", "b", "c"]) {
      const queue: Queue = {
        arrivalsPerSecond: 28,
        service: { kind: "exponential", mean: SECOND / 10 },
        servers: 3,
      };
      const run = simulate(queue, 5_000, 0, seed);
      expect(run.integralUs).toBe(run.sojournsUs);
      expect(run.sojournsUs).toBeGreaterThan(5_000 * 0.05 * SECOND);
    }
  });

  it("come out the same twice, and otherwise with another seed", () => {
    const queue: Queue = {
      arrivalsPerSecond: 9,
      service: { kind: "exponential", mean: SECOND / 10 },
      servers: 1,
    };
    expect(simulate(queue, 2_000, 0, "x")).toEqual(simulate(queue, 2_000, 0, "x"));
    expect(simulate(queue, 2_000, 0, "x")).not.toEqual(simulate(queue, 2_000, 0, "y"));
  });
});
