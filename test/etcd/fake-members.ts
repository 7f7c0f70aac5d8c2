/**
 * A network with one delay and members that obey a script: what the clients are tested with, so that a failure here is
 * theirs alone.
 */
import { Simulation } from "../../src/engine/simulation.js";
import { SlotTable } from "../../src/engine/slots.js";
import { ClientHost } from "../../src/etcd/client.js";
import { ETCD_EVENTS, type EtcdEvent } from "../../src/etcd/events.js";
import type { HostId } from "../../src/etcd/model.js";
import type { ClientMessage, Outcome, Request, Response, WatchResponse } from "../../src/etcd/requests.js";
import type { CloseReason, Network, Socket, SocketOwner } from "../../src/etcd/tcp-types.js";
import type { Micros } from "../../src/units/time.js";

export const DELAY_US: Micros = 1000;

/** What a member does with a request: an outcome after some time, or undefined for no answer at all. */
export interface Behaviour {
  dial?: "accept" | "refuse" | "silent";
  answer?: (
    request: Request,
    number: number,
    link: FakeSocket,
  ) => { readonly afterUs: Micros; readonly outcome: Outcome } | undefined;
}

export class FakeSocket implements Socket {
  isOpen = false;
  isClosed = false;
  readonly isStalled = false;
  readonly isClean = true;
  readonly unacknowledgedBytes = 0;
  readonly bytes: number[] = [];

  constructor(
    readonly world: FakeWorld,
    readonly local: HostId,
    readonly remote: HostId,
    readonly owner: SocketOwner,
  ) {}

  canPass(): boolean {
    return false;
  }

  passed(): void {}

  send(item: NonNullable<unknown>, bytes: number): void {
    if (!this.isOpen) throw new Error("sent on a socket that is not open");
    this.bytes.push(bytes);
    const message = item as ClientMessage;
    this.world.later(DELAY_US, () => this.world.arrived(this, message));
  }

  pulse(): void {
    throw new Error("clients send nothing to keep a link alive");
  }

  close(): void {
    this.isOpen = false;
    this.isClosed = true;
  }

  /** From the member's side, after the way back. */
  breaks(reason: CloseReason): void {
    this.world.later(DELAY_US, () => {
      if (this.isClosed) return;
      this.close();
      this.owner.closed(this, reason);
    });
  }

  tells(response: WatchResponse): void {
    this.back({ type: "watch", response });
  }

  back(message: ClientMessage): void {
    this.world.later(DELAY_US, () => {
      if (!this.isClosed) this.owner.received(this, message);
    });
  }
}

export class FakeWorld implements Pick<Network, "dial"> {
  readonly simulation = new Simulation<EtcdEvent>(ETCD_EVENTS);
  readonly sockets: FakeSocket[] = [];
  /** Requests as they arrived: time, member's host, request. */
  readonly arrivals: { readonly atUs: Micros; readonly host: HostId; readonly request: Request }[] = [];
  readonly members: Behaviour[] = [];
  readonly client: ClientHost;
  revision = 1;
  readonly #steps = new SlotTable<() => void>();

  constructor(...members: Behaviour[]) {
    this.members.push(...members);
    this.client = new ClientHost(this.simulation, this as unknown as Network, 100, 7);
    const nothing = (): void => undefined;
    this.simulation.handle({
      "tcp-arrive": (_subject, detail) => this.#steps.take(detail)(),
      "tcp-timer": nothing,
      "peer-timer": nothing,
      "member-tick": nothing,
      "member-saved": nothing,
      "member-timer": nothing,
      "client-timer": (subject, detail) => {
        if (subject !== 7) throw new Error("a timer of another client");
        this.client.timer(detail);
      },
      "etcd-planned": nothing,
    });
  }

  get now(): Micros {
    return this.simulation.now;
  }

  later(afterUs: Micros, step: () => void): void {
    this.simulation.after(afterUs, this.simulation.kinds["tcp-arrive"], 0, this.#steps.put(step));
  }

  /** Open connections from the client's side. */
  get open(): number {
    return this.sockets.filter((socket) => socket.isOpen).length;
  }

  dial(
    from: HostId,
    to: HostId,
    _purpose: NonNullable<unknown>,
    _timeoutUs: Micros,
    owner: SocketOwner,
  ): Socket {
    const socket = new FakeSocket(this, from, to, owner);
    this.sockets.push(socket);
    const way = this.members[to]?.dial ?? "accept";
    if (way === "refuse") socket.breaks("refused");
    if (way === "accept") {
      this.later(2 * DELAY_US, () => {
        if (socket.isClosed) return;
        socket.isOpen = true;
        owner.connected?.(socket);
      });
    }
    return socket;
  }

  arrived(socket: FakeSocket, message: ClientMessage): void {
    if (message.type !== "request") throw new Error("a client sends requests");
    this.arrivals.push({ atUs: this.now, host: socket.remote, request: message.request });
    const answer = this.members[socket.remote]?.answer?.(message.request, message.number, socket);
    if (answer === undefined) return;
    this.later(answer.afterUs, () => {
      const response: Response = this.response(socket.remote, answer.outcome);
      socket.back({ type: "response", number: message.number, response });
    });
  }

  response(member: number, outcome: Outcome): Response {
    return { header: { member, term: 1, revision: ++this.revision }, outcome };
  }
}

/** A member that does what it is asked, after some time. */
export function obliging(afterUs: Micros): Behaviour {
  return { answer: (request) => ({ afterUs, outcome: plainOutcome(request) }) };
}

export function plainOutcome(request: Request): Outcome {
  switch (request.type) {
    case "put":
      return { type: "put" };
    case "range":
      return { type: "range", kvs: [], count: 0 };
    case "deleteRange":
      return { type: "deleteRange", deleted: 0 };
    case "txn":
      return { type: "txn", succeeded: true, results: [{ type: "put" }] };
    case "leaseGrant":
      return { type: "lease", id: 77, ttl: request.ttl };
    case "leaseKeepAlive":
      return { type: "lease", id: request.id, ttl: 6 };
    case "leaseRevoke":
      return { type: "lease", id: request.id, ttl: -1 };
    case "watch":
      return { type: "watchCreated" };
    default:
      throw new Error(`nobody asks for "${request.type}" here`);
  }
}
