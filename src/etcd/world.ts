/** A group of etcd members, its network and its clients on an event list of their own: what studies of etcd run. */
import { present } from "../assert.js";
import { RandomStreams } from "../engine/random.js";
import { Simulation } from "../engine/simulation.js";
import { SlotTable } from "../engine/slots.js";
import type { Micros } from "../units/time.js";
import { ClientHost } from "./client.js";
import { ETCD_EVENTS, type EtcdEvent } from "./events.js";
import { EtcdGroup } from "./group.js";
import type { EtcdModel, HostId } from "./model.js";
import { TcpNetwork } from "./tcp.js";
import type { EtcdObserver } from "./world-types.js";

export class EtcdWorld {
  readonly simulation = new Simulation<EtcdEvent>(ETCD_EVENTS);
  readonly streams: RandomStreams;
  readonly network: TcpNetwork;
  readonly group: EtcdGroup;
  readonly #clients: ClientHost[] = [];
  readonly #planned = new SlotTable<() => void>();

  /** `seed` names the run: the same model and seed give the same run. */
  constructor(model: EtcdModel, seed: string, observer: EtcdObserver = {}) {
    this.streams = new RandomStreams(seed);
    this.network = new TcpNetwork(this.simulation, model, this.streams);
    this.group = new EtcdGroup(this.simulation, this.network, model, this.streams, observer);
    this.simulation.handle({
      ...this.network.handlers,
      ...this.group.handlers,
      "client-timer": (client, detail) => present(this.#clients[client], "a client's timer").timer(detail),
      "etcd-planned": (slot) => this.#planned.take(slot)(),
    });
  }

  get now(): Micros {
    return this.simulation.now;
  }

  /** A client process on a host. */
  clientHost(host: HostId): ClientHost {
    const client = new ClientHost(this.simulation, this.network, host, this.#clients.length);
    this.#clients.push(client);
    return client;
  }

  /** Runs `action` at a time that has not passed. */
  at(timeUs: Micros, action: () => void): void {
    this.simulation.schedule(timeUs, this.simulation.kinds["etcd-planned"], this.#planned.put(action));
  }

  /** Handles every event through `untilUs`. */
  run(untilUs: Micros): void {
    this.simulation.run(untilUs);
  }
}
