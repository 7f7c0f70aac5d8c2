/** Clients on the room's own TCP, with a member that only answers: what a failure of the line or the host does to them. */
import { describe, expect, it } from "vitest";
import { RandomStreams } from "../../src/engine/random.js";
import { Simulation } from "../../src/engine/simulation.js";
import { CLIENT_PURPOSE, ClientHost } from "../../src/etcd/client.js";
import { type ClientRecord, History, outcomeClass } from "../../src/etcd/client-record.js";
import { ETCD_EVENTS, type EtcdEvent } from "../../src/etcd/events.js";
import type { PathModel } from "../../src/etcd/model.js";
import type { ClientMessage, Response } from "../../src/etcd/requests.js";
import { TcpNetwork } from "../../src/etcd/tcp.js";
import { retryWriter } from "../../src/etcd/workloads.js";

const ONE_WAY_US = 1000;
const SECOND = 1_000_000;
const MEMBER = { member: 0, host: 0 };
const RESPONSE: Response = { header: { member: 0, term: 1, revision: 1 }, outcome: { type: "put" } };

/** A member on host 0, a client on host 1, and what happens when. */
function run(plan: readonly [number, (network: TcpNetwork, listen: () => void) => void][]): {
  records: readonly ClientRecord[];
  arrived: number;
} {
  const simulation = new Simulation<EtcdEvent>(ETCD_EVENTS);
  const path: PathModel = { oneWayUs: { kind: "constant", value: ONE_WAY_US }, loss: 0 };
  const hosts = ["member", "client"].map((name) => ({ name, centre: "P" }));
  const paths = hosts.map(() => hosts.map(() => path));
  const network = new TcpNetwork(simulation, { hosts, paths }, new RandomStreams("clients"));
  const client = new ClientHost(simulation, network, 1, 0);
  let arrived = 0;
  const listen = (): void =>
    network.listen(0, {
      accept: (_socket, purpose) => {
        expect(purpose).toBe(CLIENT_PURPOSE);
        return {
          received: (socket, item) => {
            arrived++;
            const message = item as ClientMessage;
            if (message.type !== "request" || !socket.isOpen) return;
            const answer: ClientMessage = { type: "response", number: message.number, response: RESPONSE };
            socket.send(answer, 300);
          },
          closed: () => undefined,
        };
      },
    });
  listen();
  const nothing = (): void => undefined;
  simulation.handle({
    ...network.handlers,
    "peer-timer": nothing,
    "member-tick": nothing,
    "member-saved": nothing,
    "member-timer": nothing,
    "client-timer": (_subject, detail) => client.timer(detail),
    "etcd-planned": (number) => plan[number]?.[1](network, listen),
  });
  for (const [number, [atUs]] of plan.entries()) {
    simulation.schedule(atUs, simulation.kinds["etcd-planned"], number);
  }
  const history = new History();
  retryWriter(client, { client: "w", sink: history, target: MEMBER, timeoutUs: 200_000 });
  simulation.run(2 * SECOND);
  return { records: history.records, arrived };
}

const tookUs = (record: ClientRecord): number => (record.endUs ?? Number.NaN) - record.startUs;

describe("clients on TCP", () => {
  it("the first write takes two round trips, every later one a single one", () => {
    const { records, arrived } = run([]);
    const finished = records.filter((record) => record.endUs !== undefined);
    expect(tookUs(records[0] as ClientRecord)).toBe(4 * ONE_WAY_US);
    expect(new Set(finished.slice(1).map(tookUs))).toEqual(new Set([2 * ONE_WAY_US]));
    expect(arrived).toBeGreaterThanOrEqual(finished.length);
    expect(records.length).toBeGreaterThan(150);
  });

  it("a process that dies is noticed at once and its host then refuses, until it is back", () => {
    const { records } = run([
      [500_500, (network) => network.exit(0)],
      [700_000, (_network, listen) => listen()],
    ]);
    const failed = records.filter((record) => record.error !== undefined);
    expect(new Set(failed.map((record) => record.error))).toEqual(new Set(["refused"]));
    // Each attempt is refused after a round trip, and the next one comes 5 ms later.
    expect(failed.length).toBeGreaterThan(25);
    expect(failed.length).toBeLessThan(30);
    expect(failed.every((record) => outcomeClass(record) === "failed")).toBe(true);
    const firstAfter = records.find((record) => record.ok && record.startUs > 500_500);
    expect(firstAfter?.startUs).toBeGreaterThan(690_000);
    expect(firstAfter?.startUs).toBeLessThan(710_000);
  });

  it("a process that dies under a write leaves that one unknown", () => {
    // Writes start at 14 ms and every 12 ms after; the 42nd is half way to the member when the process ends.
    const startUs = 14_000 + 40 * 12_000;
    const { records } = run([[startUs + ONE_WAY_US / 2, (network) => network.exit(0)]]);
    const failed = records.filter((record) => record.error !== undefined);
    expect(failed[0]).toMatchObject({
      number: 41,
      startUs,
      error: "closed",
      endUs: startUs + 1.5 * ONE_WAY_US,
    });
    expect(failed.map(outcomeClass)).toEqual(["unknown", ...failed.slice(1).map(() => "failed")]);
    expect(failed.length).toBeGreaterThan(100);
  });

  it("a black hole costs a timeout an attempt: the first was sent, those that cannot dial were not", () => {
    const { records } = run([
      [500_000, (network) => network.cut(1, 0)],
      [1_300_000, (network) => network.heal(1, 0)],
    ]);
    const failed = records.filter((record) => record.error !== undefined);
    expect(failed.map((record) => record.error)).toEqual(failed.map(() => "timeout"));
    expect(failed.map(tookUs)).toEqual(failed.map(() => 200_000));
    expect(failed.map(outcomeClass)).toEqual(["unknown", ...failed.slice(1).map(() => "failed")]);
    // A dial that was lost is tried again after a second only, so the attempt across the heal fails too.
    expect(failed).toHaveLength(4);
    expect(records.at(-2)?.ok).toBe(true);
  });
});
