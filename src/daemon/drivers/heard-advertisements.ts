import { DecodeError } from "../../base/decode-error.ts";
import { decodeAdvertisementFrame, type VrrpPacket } from "../../wire/vrrp.ts";
import type { GroupSettings, NodeSettings } from "../node-settings.ts";
import type { Face } from "./face.ts";
import { OtherGroups } from "./other-groups.ts";
import { RecentFrames } from "./recent-frames.ts";

/** Reads the advertisements that are for one group out of all that its faces receive. */
export class HeardAdvertisements {
  readonly #peers: NodeSettings["peers"];
  readonly #others: OtherGroups;
  readonly #recentFrames: RecentFrames<VrrpPacket | DecodeError>;
  readonly #count: (reason: string) => void;

  constructor(settings: NodeSettings, group: GroupSettings, count: (reason: string) => void) {
    this.#peers = settings.peers;
    this.#others = new OtherGroups(settings, group);
    this.#recentFrames = new RecentFrames((frame) => decodeAdvertisementFrame(frame, group.version));
    this.#count = count;
  }

  /**
   * @param buffer what was received stands at its beginning
   * @returns nothing when it is not for this group; what is wrong with it is counted
   */
  read(face: Face, buffer: Buffer, length: number): VrrpPacket | undefined {
    const packet = this.#recentFrames.read(buffer, length);
    if (packet instanceof DecodeError) {
      if (packet.reason !== "vrrp-version" || !this.#others.hasOtherVersion) this.#count(packet.reason);
      return undefined;
    }
    if (this.#others.has(packet.advertisement.virtualRouterId)) return undefined;
    if (face.unicastPeers.hears(packet.source, this.#peers)) return packet;
    this.#count("advertisement-of-unlisted-router");
    return undefined;
  }
}
