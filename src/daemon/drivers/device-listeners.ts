import type { Server as PlainServer } from "node:http";
import type { Server as TlsServer } from "node:https";
import { isLinkLocal, validIp } from "../../base/ip.ts";
import { deviceIndex } from "../../linux/libc.ts";
import { openTcpListener } from "../../linux/tcp-listener.ts";

/** How long a device that is made anew is deaf, at most. */
const LOOK_MS = 1_000;

export interface DeviceListenersOptions<Server> {
  /** For messages: who listens. */
  readonly what: string;
  readonly device: string;
  /** Of this node on the device. IPv6 link-local ones are left out: they mean nothing to who is elsewhere. */
  readonly addresses: readonly string[];
  readonly port: number;
  /** Makes one for an address; it listens afterwards. */
  readonly create: () => Server;
  readonly onError: (text: string) => void;
}

/**
 * Servers on this node's own addresses of one interface, only for who comes in by its device.
 *
 * A socket belongs to a device by its index, not its name: one that comes later, or is taken out and put back, gets new servers.
 */
export class DeviceListeners<Server extends PlainServer | TlsServer> {
  readonly #options: DeviceListenersOptions<Server>;
  readonly #addresses: readonly string[];
  readonly #servers = new Map<string, { readonly server: Server; readonly index: number }>();
  /** What was said last of each address: not again every second. */
  readonly #told = new Map<string, string>();
  readonly #timer: NodeJS.Timeout;

  constructor(options: DeviceListenersOptions<Server>) {
    this.#options = options;
    const { addresses, device, what, onError } = options;
    this.#addresses = addresses.filter((address) => !isLinkLocal(validIp(address)));
    if (this.#addresses.length === 0)
      onError(`${what}: ${device} has only link-local addresses: nothing listens`);
    this.#look();
    this.#timer = setInterval(() => this.#look(), LOOK_MS).unref();
  }

  get servers(): readonly Server[] {
    return [...this.#servers.values()].map(({ server }) => server);
  }

  close(): void {
    clearInterval(this.#timer);
    for (const address of [...this.#servers.keys()]) this.#end(address);
  }

  #look(): void {
    const { device } = this.#options;
    const index = deviceIndex(device);
    for (const address of this.#addresses) {
      const known = this.#servers.get(address)?.index;
      if (index === undefined) {
        // Or it cannot be asked for: whoever listens goes on.
        if (known === undefined) this.#fail(address, `there is no device ${device}`);
      } else if (known !== index) {
        this.#end(address);
        this.#listen(address, index);
      }
    }
  }

  #listen(address: string, index: number): void {
    const { device, port, create } = this.#options;
    const server = create();
    this.#servers.set(address, { server, index });
    // The next look tries again.
    const fail = (error: unknown) => {
      if (this.#servers.get(address)?.server !== server) return;
      this.#end(address);
      this.#fail(address, error instanceof Error ? error.message : String(error));
    };
    server.on("error", fail);
    server.on("listening", () => this.#told.delete(address));
    try {
      server.listen({ fd: openTcpListener({ address: validIp(address), port, device }) });
    } catch (error) {
      fail(error);
    }
  }

  #end(address: string): void {
    const server = this.#servers.get(address)?.server;
    this.#servers.delete(address);
    server?.closeAllConnections();
    server?.close();
  }

  #fail(address: string, reason: string): void {
    if (this.#told.get(address) === reason) return;
    this.#told.set(address, reason);
    const { what, port, onError } = this.#options;
    onError(`${what}: cannot listen on ${address} port ${port}: ${reason}`);
  }
}
