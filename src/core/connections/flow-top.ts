import { formatIp } from "../../base/ip.ts";
import type { ConnectionTop, TopKind } from "../../contract/connections.ts";
import type { FlowFields } from "../../wire/flow-fields.ts";
import { hasPorts, protocolName } from "./flow-names.ts";
import { FrequentKeys } from "./frequent-keys.ts";

/** Different addresses that are counted exactly. */
const PLACES = 32_768;

/** Which addresses or ports have the most connections, in memory of a fixed size. */
export class FlowTop {
  readonly #by: TopKind;
  readonly #keys: FrequentKeys;
  readonly #portKey = new Uint8Array(3);

  constructor(by: TopKind, places = PLACES) {
    this.#by = by;
    this.#keys = new FrequentKeys(places);
  }

  add(fields: FlowFields): void {
    const { original, reply, protocol, addressBytes } = fields;
    switch (this.#by) {
      case "source":
        this.#keys.add(original.source, addressBytes);
        break;
      case "destination":
        this.#keys.add(original.destination, addressBytes);
        break;
      case "nat":
        if (fields.sourceTranslated) this.#keys.add(reply.destination, addressBytes);
        if (fields.destinationTranslated) this.#keys.add(reply.source, addressBytes);
        break;
      case "port":
        if (!hasPorts(protocol)) break;
        this.#portKey[0] = protocol;
        this.#portKey[1] = original.destinationPort >> 8;
        this.#portKey[2] = original.destinationPort & 0xff;
        this.#keys.add(this.#portKey, 3);
        break;
    }
  }

  result(limit: number): ConnectionTop {
    return {
      by: this.#by,
      entries: this.#keys.most(limit).map(({ key, count }) => ({ key: this.#text(key), connections: count })),
      distinct: this.#keys.distinct ?? null,
      uncertainty: this.#keys.uncertainty,
    };
  }

  #text(key: Uint8Array): string {
    if (this.#by !== "port") return formatIp(key);
    const [protocol = 0, high = 0, low = 0] = key;
    return `${protocolName(protocol)}/${(high << 8) | low}`;
  }
}
