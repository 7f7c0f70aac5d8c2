/**
 * The API servers: a write's way from a client through one of them into etcd and back, and changes' way to the
 * watchers of each centre.
 *
 * A request waits for its client's token, travels to the API server that its centre uses, is handled, proposed at
 * that server's etcd member, applied when Raft commits it, and answered once that member has applied it. A client
 * that hears nothing for its time limit gives up; what it asked for may still happen.
 */
import { assert } from "../assert.js";
import { SlotTable } from "../engine/slots.js";
import { MILLISECOND, type Micros, SECOND } from "../units/time.js";
import type { Api, ApiClient, ClusterCore, RequestOutcome } from "./core.js";
import type { ApplyOutcome, Change, Operation } from "./store.js";
import { TokenBucket } from "./token-bucket.js";

/** How often clients' time limits are looked at; a limit is kept to this much. */
const SWEEP_US = SECOND;
/** A client with no server to talk to hears so soon (connection refused, no route). */
const REFUSED_US = 5 * MILLISECOND;

/**
 * Cost of a read from the watch cache beside that of a write: a taint's read and patch together took no longer than one
 * write of a pod's status (measured: 23 ms and 25 ms in the median).
 */
const CACHED_READ_SHARE = 0.2;

interface Request {
  readonly client: Client;
  readonly epoch: number;
  readonly operation: Operation;
  readonly done: ((outcome: RequestOutcome) => void) | undefined;
  centre: number;
  server: number;
  deadlineUs: Micros;
  outcome: ApplyOutcome | undefined;
  settled: boolean;
}

interface Server {
  readonly id: number;
  readonly centre: number;
  up: boolean;
  generation: number;
  /** etcd member it talks to, or -1. */
  member: number;
  /** Revision of the store that its watch cache has reached. */
  revision: number;
  /** Requests being handled. */
  inHand: number;
}

interface CentreWatch {
  /** API server in use, or -1. */
  server: number;
  /** The one in use before it stopped answering: requests go to it again as soon as it answers. */
  last: number;
  /** Looking for another one; until that is over its watches are in back-off too and show nothing. */
  searching: boolean;
  /** Changes dispatched so far. */
  revision: number;
  /** Deliveries keep their order. */
  lastDeliveryUs: Micros;
}

export class ApiServers implements Api {
  readonly #core: ClusterCore;
  readonly #servers: Server[];
  readonly #centres: CentreWatch[];
  readonly #requests = new SlotTable<Request>();
  /** By the number proposed to Raft; gone once applied. */
  readonly #proposed = new Map<number, Request>();
  readonly #inFlight = new Set<Request>();
  readonly #dispatchListeners: ((centre: number, change: Change) => void)[] = [];
  readonly #availabilityListeners: (() => void)[] = [];
  /** Store revision after each applied log index, and who asked for it. */
  readonly #revisionAfter: number[] = [];
  readonly #requestAt: (Request | undefined)[] = [];
  readonly #memberRevision: number[] = [];
  #nextData = 1;
  #sweeping = false;
  readonly #ideal: boolean;

  constructor(core: ClusterCore) {
    this.#core = core;
    this.#ideal = core.model.controlPlane.mode === "ideal";
    this.#servers = core.model.controlPlane.apiServers.instances.map((instance, id) => ({
      id,
      centre: instance.centre,
      up: true,
      generation: 0,
      member: -1,
      revision: 0,
      inHand: 0,
    }));
    this.#centres = core.model.topology.centres.map(() => ({
      server: -1,
      last: -1,
      searching: false,
      revision: 0,
      lastDeliveryUs: 0,
    }));
  }

  /** Before the run: members and attachments as they stand. */
  start(): void {
    if (this.#ideal) return;
    this.#core.etcd.onApplied((member, index, data) => this.#onApplied(member, index, data));
    for (const server of this.#servers) server.member = this.#memberFor(server);
    for (let centre = 0; centre < this.#centres.length; centre++) {
      this.#watch(centre).server = this.#serverFor(centre);
    }
  }

  client(name: string, where: () => number, qps: number, burst: number): ApiClient {
    return new Client(name, where, this.#ideal ? 0 : qps, burst, this.#core, (request) =>
      this.#enqueue(request),
    );
  }

  writable(centre: number): boolean {
    if (this.#ideal) return true;
    const server = this.#servers[this.#watch(centre).server];
    return server !== undefined && server.member >= 0 && this.#core.etcd.writableAt(server.member);
  }

  attached(centre: number): number {
    return this.#ideal ? 0 : this.#watch(centre).server;
  }

  /** Centre whose API server this is. */
  centreOf(server: number): number {
    return this.#server(server).centre;
  }

  onDispatch(listener: (centre: number, change: Change) => void): void {
    this.#dispatchListeners.push(listener);
  }

  onAvailability(listener: () => void): void {
    this.#availabilityListeners.push(listener);
  }

  availabilityMayHaveChanged(): void {
    if (this.#ideal) return;
    for (const server of this.#servers) {
      if (!this.#memberFits(server)) this.#attachMember(server);
    }
    for (let centre = 0; centre < this.#centres.length; centre++) this.#checkAttachment(centre);
    for (const listener of this.#availabilityListeners) listener();
  }

  /** A failure killed the process. */
  crash(instance: number): void {
    const server = this.#server(instance);
    // A start under way is stale too.
    server.generation++;
    if (!server.up) return;
    server.up = false;
    this.#resetConnections(server);
    this.#core.observer.process(this.#name(server), "exit");
    this.availabilityMayHaveChanged();
  }

  /** A killed process' kernel says goodbye for it, so clients know at once; without power nobody does. */
  #resetConnections(server: Server): void {
    const { sim, network } = this.#core;
    if (!network.centreLit(server.centre)) return;
    for (const request of this.#inFlight) {
      if (request.server !== server.id || !network.connected(server.centre, request.centre)) continue;
      sim.after(REFUSED_US, sim.kinds["api-result"], 0, this.#requests.put(request));
    }
  }

  /** Power or process is back: it serves after its start-up time. */
  restart(instance: number): void {
    const server = this.#server(instance);
    if (server.up) return;
    server.generation++;
    const delay = this.#core.noise.us("api-start", this.#core.model.controlPlane.apiServers.startUs);
    this.#core.sim.after(delay, this.#core.sim.kinds["api-started"], instance, server.generation);
  }

  readonly handlers = {
    "api-send": (_: number, slot: number) => this.#send(this.#requests.take(slot)),
    "api-propose": (_: number, slot: number) => this.#propose(this.#requests.take(slot)),
    "api-result": (_: number, slot: number) => this.#result(this.#requests.take(slot)),
    "api-sweep": () => this.#sweep(),
    "api-started": (instance: number, generation: number) => this.#started(instance, generation),
    "api-attach": (centre: number) => this.#attach(centre),
    "watch-deliver": (centre: number, revision: number) => this.#deliver(centre, revision),
  };

  #enqueue(request: Request): void {
    const { sim } = this.#core;
    const at = request.client.bucket.reserve(sim.now);
    sim.schedule(at, sim.kinds["api-send"], 0, this.#requests.put(request));
  }

  #send(request: Request): void {
    const { sim, store, network, noise, model } = this.#core;
    if (request.epoch !== request.client.epoch) return;
    if (this.#ideal) {
      const outcome = store.apply(request.operation, sim.now);
      request.settled = true;
      request.done?.(outcome);
      this.#deliverAll();
      return;
    }
    request.centre = request.client.where();
    request.deadlineUs = sim.now + model.controlPlane.apiServers.clientTimeoutUs;
    request.server = request.centre < 0 ? -1 : this.#watch(request.centre).server;
    if (request.server < 0) {
      sim.after(REFUSED_US, sim.kinds["api-result"], 0, this.#requests.put(request));
      return;
    }
    this.#inFlight.add(request);
    this.#startSweep();
    const travel = network.latencyUs(request.centre, this.#server(request.server).centre);
    const whole = noise.us("api-request", model.controlPlane.apiServers.requestUs);
    const alone = isCachedRead(request.operation) ? Math.round(whole * CACHED_READ_SHARE) : whole;
    const handling = Math.round(alone * this.#slowdown(this.#server(request.server)));
    sim.after(travel + handling, sim.kinds["api-propose"], 0, this.#requests.put(request));
  }

  /** A server with more requests in hand than it can work on side by side is slower for each; counts this one in. */
  #slowdown(server: Server): number {
    server.inHand++;
    const { parallelRequests } = this.#core.model.controlPlane.apiServers;
    return parallelRequests === undefined ? 1 : Math.max(1, server.inHand / parallelRequests);
  }

  #propose(request: Request): void {
    const server = this.#server(request.server);
    server.inHand--;
    if (request.settled || !server.up) return; // the client's time limit ends it
    if (server.member < 0 && !isCachedRead(request.operation)) return;
    if (request.operation.type === "noop") {
      this.#answerNoop(request, server);
      return;
    }
    const data = this.#nextData++;
    this.#proposed.set(data, request);
    this.#core.etcd.propose(server.member, data);
  }

  /**
   * A read or an Event: it needs a leader with a quorum, but its entry would change nothing, so none is made. What the
   * watch cache answers needs no etcd at all.
   */
  #answerNoop(request: Request, server: Server): void {
    const { sim, etcd, network } = this.#core;
    if (!isCachedRead(request.operation) && !etcd.writableAt(server.member)) return;
    if (!network.connected(server.centre, request.centre)) return;
    request.outcome = "ok";
    const travel = network.latencyUs(server.centre, request.centre);
    sim.after(travel, sim.kinds["api-result"], 0, this.#requests.put(request));
  }

  #onApplied(member: number, index: number, data: number): void {
    const { sim, store, network } = this.#core;
    if (this.#revisionAfter[index] === undefined) {
      const request = this.#proposed.get(data);
      if (request !== undefined) {
        this.#proposed.delete(data);
        request.outcome = store.apply(request.operation, sim.now);
        this.#requestAt[index] = request;
      }
      this.#revisionAfter[index] = store.revision;
    }
    const revision = this.#revisionAfter[index] as number;
    this.#memberRevision[member] = revision;
    const request = this.#requestAt[index];
    for (const server of this.#servers) {
      if (server.member !== member || !server.up) continue;
      if (request !== undefined && request.server === server.id && !request.settled) {
        this.#requestAt[index] = undefined;
        if (network.connected(server.centre, request.centre)) {
          const travel = network.latencyUs(server.centre, request.centre);
          sim.after(travel, sim.kinds["api-result"], 0, this.#requests.put(request));
        }
      }
      this.#advance(server, revision);
    }
  }

  #advance(server: Server, revision: number): void {
    if (revision <= server.revision) return;
    server.revision = revision;
    for (let centre = 0; centre < this.#centres.length; centre++) {
      const watch = this.#watch(centre);
      if (watch.server === server.id && !watch.searching) this.#scheduleDelivery(centre);
    }
  }

  #scheduleDelivery(centre: number): void {
    const { sim, noise, network, model } = this.#core;
    const watch = this.#watch(centre);
    const server = this.#server(watch.server);
    if (server.revision <= watch.revision) return;
    const delay =
      noise.us("watch", model.controlPlane.apiServers.watchUs) + network.latencyUs(server.centre, centre);
    const at = Math.max(watch.lastDeliveryUs, sim.now + delay);
    watch.lastDeliveryUs = at;
    sim.schedule(at, sim.kinds["watch-deliver"], centre, server.revision);
  }

  #deliver(centre: number, revision: number): void {
    const watch = this.#watch(centre);
    const server = this.#servers[watch.server];
    // A cut watch delivers nothing more; what is missing comes after the next attachment.
    if (server === undefined || watch.searching) return;
    if (!this.#core.network.connected(centre, server.centre)) return;
    this.#dispatch(centre, Math.min(revision, server.revision));
  }

  #dispatch(centre: number, revision: number): void {
    const watch = this.#watch(centre);
    while (watch.revision < revision) {
      const change = this.#core.store.changes[watch.revision++];
      assert(change !== undefined, "a revision names a change");
      for (const listener of this.#dispatchListeners) listener(centre, change);
    }
  }

  #deliverAll(): void {
    for (let centre = 0; centre < this.#centres.length; centre++)
      this.#dispatch(centre, this.#core.store.revision);
  }

  #result(request: Request): void {
    if (request.settled) return;
    request.settled = true;
    this.#inFlight.delete(request);
    if (request.epoch !== request.client.epoch) return;
    request.done?.(request.outcome ?? "unavailable");
  }

  #startSweep(): void {
    if (this.#sweeping) return;
    this.#sweeping = true;
    this.#core.sim.after(SWEEP_US, this.#core.sim.kinds["api-sweep"], 0);
  }

  #sweep(): void {
    this.#sweeping = false;
    const late: Request[] = [];
    for (const request of this.#inFlight) if (request.deadlineUs <= this.#core.sim.now) late.push(request);
    for (const request of late) {
      request.settled = true;
      this.#inFlight.delete(request);
    }
    for (const request of late) if (request.epoch === request.client.epoch) request.done?.("timeout");
    if (this.#inFlight.size > 0) this.#startSweep();
  }

  #started(instance: number, generation: number): void {
    const server = this.#server(instance);
    if (server.generation !== generation) return;
    server.up = true;
    server.member = -1;
    this.#core.observer.process(this.#name(server), "start");
    this.availabilityMayHaveChanged();
  }

  #checkAttachment(centre: number): void {
    const { sim, noise, model } = this.#core;
    const watch = this.#watch(centre);
    const server = this.#servers[watch.server];
    if (server !== undefined && this.#serves(server, centre)) return;
    if (server !== undefined) watch.last = server.id;
    // Back before anybody went elsewhere: clients retry where they were (measured: 5 s down, both leaders keep their lease).
    const last = this.#servers[watch.last];
    watch.server = last !== undefined && this.#serves(last, centre) ? last.id : -1;
    if (watch.searching) return;
    watch.searching = true;
    const delay = noise.us("api-failover", model.controlPlane.apiServers.failoverUs);
    sim.after(delay, sim.kinds["api-attach"], centre);
  }

  #attach(centre: number): void {
    const watch = this.#watch(centre);
    watch.searching = false;
    if (watch.server < 0) watch.server = this.#serverFor(centre);
    if (watch.server < 0) return; // the next change of availability tries again
    this.#scheduleDelivery(centre);
    for (const listener of this.#availabilityListeners) listener();
  }

  #serverFor(centre: number): number {
    const candidates = this.#servers.filter((server) => this.#serves(server, centre));
    return (candidates.find((server) => server.centre === centre) ?? candidates[0])?.id ?? -1;
  }

  #serves(server: Server, centre: number): boolean {
    return server.up && this.#core.network.connected(centre, server.centre);
  }

  #memberFits(server: Server): boolean {
    const { etcd, network } = this.#core;
    return (
      server.up &&
      server.member >= 0 &&
      etcd.memberUp(server.member) &&
      network.connected(server.centre, etcd.memberCentre(server.member))
    );
  }

  #attachMember(server: Server): void {
    server.member = server.up ? this.#memberFor(server) : -1;
    if (server.member >= 0) this.#advance(server, this.#memberRevision[server.member] ?? 0);
  }

  #memberFor(server: Server): number {
    const { etcd, network, model } = this.#core;
    const reachable = model.controlPlane.etcd.members
      .map((_, member) => member)
      .filter(
        (member) => etcd.memberUp(member) && network.connected(server.centre, etcd.memberCentre(member)),
      );
    return reachable.find((member) => etcd.memberCentre(member) === server.centre) ?? reachable[0] ?? -1;
  }

  #name(server: Server): string {
    return `kube-apiserver/${this.#core.model.controlPlane.apiServers.instances[server.id]?.name ?? server.id}`;
  }

  #server(id: number): Server {
    const server = this.#servers[id];
    assert(server !== undefined, `API server ${id} exists`);
    return server;
  }

  #watch(centre: number): CentreWatch {
    const watch = this.#centres[centre];
    assert(watch !== undefined, `centre ${centre} exists`);
    return watch;
  }
}

function isCachedRead(operation: Operation): boolean {
  return operation.type === "noop" && operation.cached === true;
}

class Client implements ApiClient {
  readonly name: string;
  readonly where: () => number;
  readonly bucket: TokenBucket;
  readonly #core: ClusterCore;
  readonly #enqueue: (request: Request) => void;
  /** Requests of an earlier epoch belong to a process that died. */
  epoch = 0;

  constructor(
    name: string,
    where: () => number,
    qps: number,
    burst: number,
    core: ClusterCore,
    enqueue: (request: Request) => void,
  ) {
    this.name = name;
    this.where = where;
    this.bucket = new TokenBucket(qps, burst);
    this.#core = core;
    this.#enqueue = enqueue;
  }

  submit(operation: Operation, done?: (outcome: RequestOutcome) => void): void {
    this.#enqueue({
      client: this,
      epoch: this.epoch,
      operation,
      done,
      centre: -1,
      server: -1,
      deadlineUs: Number.POSITIVE_INFINITY,
      outcome: undefined,
      settled: false,
    });
  }

  submitNoop(done?: (outcome: RequestOutcome) => void): void {
    this.submit({ type: "noop" }, done);
  }

  reset(): void {
    this.epoch++;
    this.bucket.reset(this.#core.sim.now);
  }
}
