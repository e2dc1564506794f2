import { statSync } from "node:fs";
import { join } from "node:path";
import { ProblemError } from "../../base/problem.ts";
import {
  type KeysRequest,
  type KeysStateAnswer,
  keysLetterAnswerSchema,
  keysStateSchema,
} from "../../contract/key-exchange.ts";
import type { NodeStatus } from "../../contract/status.ts";
import { splitCertificates } from "../../keys/certificate-bundle.ts";
import { letterFileName, readLetter, type SignedLetter } from "../../keys/key-letter.ts";
import { keyFileNames, nodeKeyFileNames } from "../../keys/read-keys.ts";
import { installRenewal, keysState, requestRenewal, takeLetter } from "../../keys/renew-keys.ts";
import { type NodeSettings, type PeerSettings, pulseKeysOf } from "../node-settings.ts";
import type { LogLevel, RoleMessage, RoleName } from "../role-message.ts";
import { KeyRing } from "./key-ring.ts";
import { askPeer } from "./peer-client.ts";

/** Somebody may copy files by hand, too. */
const FILES_LOOK_MS = 5_000;
/** A node that was away learns of the last letter from the others. */
const LETTER_LOOK_MS = 60_000;
const FIRST_LETTER_LOOK_MS = 2_000;

const PEER_LIMIT_MS = 5_000;

export interface KeyExchangeOptions {
  readonly send: (role: RoleName, message: RoleMessage) => void;
  /** Resolves when the failover role has worked off what was sent to it before; to undefined when it does not answer. */
  readonly failoverHeard: () => Promise<unknown>;
}

/** The keys of this node are exchanged while it runs: by the authority's letters and certificates, or by hand. */
export class KeyExchange {
  readonly ring: KeyRing;
  readonly #settings: NodeSettings;
  readonly #options: KeyExchangeOptions;
  /** The failover role uses the keys that this one has read. */
  #inUse: Promise<unknown> = Promise.resolve(true);
  #seen: string;
  #complained = "";

  constructor(settings: NodeSettings, options: KeyExchangeOptions) {
    this.#settings = settings;
    this.#options = options;
    this.ring = new KeyRing(settings);
    this.ring.onChange(() => {
      options.send("replicator", { kind: "keys-changed" });
      options.send("supervisor", { kind: "keys-changed" });
      this.tellFailover();
      this.#inUse = options.failoverHeard();
    });
    this.#seen = this.#stamp();
    setInterval(() => this.#look(), FILES_LOOK_MS);
    setTimeout(() => void this.#askForLetter(), FIRST_LETTER_LOOK_MS);
    setInterval(() => void this.#askForLetter(), LETTER_LOOK_MS);
  }

  /** A failover role that has just started knows the keys that there were at the start of the node. */
  tellFailover(): void {
    const keys = pulseKeysOf(this.#settings.cluster, this.ring.keys.clusterKeys);
    this.#options.send("failover", { kind: "pulse-keys", keys });
  }

  /** For the status: what the keys in use are, and not what lies on the disk. */
  get summary(): NonNullable<NodeStatus["keys"]> {
    const { serial, expires, authorityExpires, caCertificate, clusterKeys, letter } = this.ring.keys;
    return {
      ...{ serial, letter, expires: expires.toISOString(), authorityExpires: authorityExpires.toISOString() },
      ...{ authorities: splitCertificates(caCertificate).length, clusterKeys: clusterKeys.length },
    };
  }

  async carryOut(wish: KeysRequest): Promise<unknown> {
    const { keysDirectory: directory, node } = this.#settings;
    switch (wish.do) {
      case "tell":
        return await this.#stateInUse();
      case "request":
        return { request: await requestRenewal(directory, node) };
      case "install":
        installRenewal(directory, node, wish.certificate);
        this.#look();
        return await this.#stateInUse();
      case "take":
        this.#take({ letter: wish.letter, signature: wish.signature });
        return await this.#stateInUse();
      case "give":
        return this.#letter();
    }
  }

  #log(level: LogLevel, text: string): void {
    this.#options.send("supervisor", { kind: "log", level, text });
  }

  /**
   * The next step of an exchange begins when all nodes say that they have done this one: pulses would be lost if the role
   * that sends and takes them had not.
   */
  async #stateInUse(): Promise<KeysStateAnswer> {
    if ((await this.#inUse) === undefined) this.#inUse = this.#options.failoverHeard();
    if ((await this.#inUse) !== undefined) return this.#state();
    throw new ProblemError({
      code: "no-answer",
      message: `the failover role of ${this.#settings.node} does not answer`,
      hint: "tocha status; it is started again by itself. Then give the command again.",
    });
  }

  #state(): KeysStateAnswer {
    const { keysDirectory, node } = this.#settings;
    return keysStateSchema.parse(keysState(keysDirectory, node));
  }

  #letter(): SignedLetter {
    const letter = readLetter(this.#settings.keysDirectory);
    if (letter === undefined)
      throw new ProblemError({ code: "no-key-letter", message: "there never was a letter of the authority" });
    return letter.signed;
  }

  #take(signed: SignedLetter): void {
    const { keysDirectory, node } = this.#settings;
    if (!takeLetter(keysDirectory, node, signed)) return;
    this.#log("info", "a letter of the authority says what to trust from now on");
    this.#look();
  }

  /** Uses what is in the files, if that is something else than before. */
  #look(): void {
    const stamp = this.#stamp();
    if (stamp === this.#seen) return;
    try {
      this.ring.reload();
      this.#seen = stamp;
      this.#complained = "";
      this.#log("info", "the keys have changed: new connections use the new ones");
    } catch (error) {
      // Half of a change by hand, most likely: the next look sees the whole.
      const why = error instanceof Error ? error.message : String(error);
      if (why !== this.#complained) this.#log("warning", `the keys on disk are not used: ${why}`);
      this.#complained = why;
    }
  }

  #stamp(): string {
    const { keysDirectory, node } = this.#settings;
    const { authorityCertificate, clusterKey } = keyFileNames;
    const names = [
      authorityCertificate,
      clusterKey,
      ...Object.values(nodeKeyFileNames(node)),
      letterFileName,
    ];
    return names
      .map((name) => {
        const stat = statSync(join(keysDirectory, name), { throwIfNoEntry: false });
        return stat === undefined ? "-" : `${stat.ino} ${stat.mtimeMs} ${stat.size}`;
      })
      .join("|");
  }

  async #askForLetter(): Promise<void> {
    for (const peer of this.#settings.peers) {
      try {
        const theirs = keysStateSchema.parse(await this.#ask(peer, "tell"));
        if (theirs.letter > this.#state().letter)
          this.#take(keysLetterAnswerSchema.parse(await this.#ask(peer, "give")));
      } catch {
        // Whoever does not answer, or says something that this node does not take, is asked again in a minute.
      }
    }
  }

  async #ask(peer: PeerSettings, what: "tell" | "give"): Promise<unknown> {
    const { body } = await askPeer({
      ...{ settings: this.#settings, ring: this.ring, peer, limitMs: PEER_LIMIT_MS },
      ...{ method: "POST", path: "/v1/node/keys", body: { node: peer.name, do: what } satisfies KeysRequest },
    });
    return body;
  }
}
