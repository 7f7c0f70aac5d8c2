import type { HostPort } from "./types.js";

const ANY_IP = "0.0.0.0";

/**
 * Host ports in use on a node (framework.HostPortInfo). A set, not a counter: where two bound pods illegally share a
 * port, removing one frees it.
 */
export class UsedPorts {
  /** Protocol and port → the addresses bound. */
  readonly #addresses = new Map<string, Set<string>>();

  add(ports: readonly HostPort[]): void {
    for (const port of ports) {
      const key = keyOf(port);
      const addresses = this.#addresses.get(key);
      if (addresses === undefined) this.#addresses.set(key, new Set([port.ip]));
      else addresses.add(port.ip);
    }
  }

  remove(ports: readonly HostPort[]): void {
    for (const port of ports) {
      const key = keyOf(port);
      const addresses = this.#addresses.get(key);
      addresses?.delete(port.ip);
      if (addresses?.size === 0) this.#addresses.delete(key);
    }
  }

  /** 0.0.0.0 clashes with any address; another clashes with itself and with 0.0.0.0. */
  conflicts(ports: readonly HostPort[]): boolean {
    if (this.#addresses.size === 0) return false;
    for (const port of ports) {
      const addresses = this.#addresses.get(keyOf(port));
      if (addresses === undefined) continue;
      if (port.ip === ANY_IP || addresses.has(ANY_IP) || addresses.has(port.ip)) return true;
    }
    return false;
  }

  clone(): UsedPorts {
    const copy = new UsedPorts();
    for (const [key, addresses] of this.#addresses) copy.#addresses.set(key, new Set(addresses));
    return copy;
  }
}

function keyOf(port: HostPort): string {
  return `${port.protocol}/${port.port}`;
}

/** A host port with the API's defaults filled in: TCP, every address. */
export function hostPortOf(protocol: string, ip: string, port: number): HostPort {
  return { protocol: protocol === "" ? "TCP" : protocol, ip: ip === "" ? ANY_IP : ip, port };
}
