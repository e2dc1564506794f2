import { checkServerIdentity, type PeerCertificate, type TLSSocket } from "node:tls";
import { serialOf } from "../../keys/certificate-bundle.ts";
import { type NodeKeys, readNodeKeys } from "../../keys/read-keys.ts";
import type { NodeSettings } from "../node-settings.ts";

/** What both ends of a connection between nodes are made with. */
export interface PeerTls {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
  readonly minVersion: "TLSv1.3";
}

/**
 * The keys of this node as they are now: they may be exchanged while it runs. New connections use the new ones; those that
 * are there go on, but for those of nodes whose certificate is refused from now on.
 */
export class KeyRing {
  readonly #settings: NodeSettings;
  readonly #listeners: (() => void)[] = [];
  #keys: NodeKeys;

  constructor(settings: NodeSettings) {
    this.#settings = settings;
    this.#keys = readNodeKeys(settings.keysDirectory, settings.node);
  }

  get keys(): NodeKeys {
    return this.#keys;
  }

  get tls(): PeerTls {
    const { caCertificate, certificate, privateKey } = this.#keys;
    return { ca: caCertificate, cert: certificate, key: privateKey, minVersion: "TLSv1.3" };
  }

  /** For whoever connects: the name must be right, and the certificate not refused. */
  readonly checkServerIdentity = (name: string, certificate: PeerCertificate): Error | undefined => {
    if (this.#keys.revoked.has(serialOf(certificate))) return new Error("its certificate is revoked");
    return checkServerIdentity(name, certificate);
  };

  /** Whether the certificate of the other side is refused from now on, though it was good at the handshake. */
  isRevoked(socket: TLSSocket): boolean {
    const certificate = socket.getPeerX509Certificate();
    return certificate !== undefined && this.#keys.revoked.has(serialOf(certificate));
  }

  onChange(listener: () => void): void {
    this.#listeners.push(listener);
  }

  /** Reads them again. Throws a ProblemError where they do not fit together: then those of before stay. */
  reload(): void {
    this.#keys = readNodeKeys(this.#settings.keysDirectory, this.#settings.node);
    for (const listener of this.#listeners) listener();
  }
}
