import type { IpAddress } from "../../base/ip.ts";
import type { FaceSettings } from "./election-types.ts";

export interface Face {
  readonly name: string;
  readonly families: FaceSettings["families"];
  addresses: readonly IpAddress[];
  up: boolean;
}

/** What this node can do: its faces, and what the other roles have told. */
export class Health {
  readonly faces: readonly Face[];
  readonly #priority: number;
  gatewayReady = false;
  tableComplete = false;
  /** The node that holds the arbiter's lease, while this one hears nothing of it. */
  lostTo: string | undefined;

  constructor(faces: readonly FaceSettings[], priority: number) {
    this.faces = faces.map((face) => ({ ...face, up: false }));
    this.#priority = priority;
  }

  face(name: string): Face | undefined {
    return this.faces.find((face) => face.name === name);
  }

  get addresses(): readonly IpAddress[] {
    return this.faces.flatMap((face) => face.addresses);
  }

  /** Why it cannot be active at all: a sentence. */
  get inability(): string | undefined {
    if (!this.gatewayReady) return "the gateway's rules are not in place";
    if (this.lostTo !== undefined)
      return `${this.lostTo} holds the arbiter's lease, and this node hears nothing of it`;
    if (this.faces.every((face) => !face.up)) return "no interface of the group is up";
    return undefined;
  }

  /** With a face down a node can still serve somebody, but any healthy node does it better. */
  get degraded(): boolean {
    return this.faces.some((face) => !face.up);
  }

  /** 0 when unable; a sixteenth when degraded, so that every healthy node ranks above. */
  get effectivePriority(): number {
    if (this.inability !== undefined) return 0;
    return this.degraded ? Math.max(1, this.#priority >> 4) : this.#priority;
  }

  get downFaces(): readonly string[] {
    return this.faces.filter((face) => !face.up).map((face) => face.name);
  }
}
