import type { GroupSettings, NodeSettings } from "../node-settings.ts";

/** The other failover groups of this node: their advertisements come in on the same devices as those of one. */
export class OtherGroups {
  readonly #routerIds: ReadonlySet<number>;
  /** One of them speaks another version of VRRP. */
  readonly hasOtherVersion: boolean;

  constructor({ groups }: Pick<NodeSettings, "groups">, { name, version, virtualRouterId }: GroupSettings) {
    const others = groups.filter((one) => one.name !== name);
    this.hasOtherVersion = others.some((one) => one.version !== version);
    this.#routerIds = new Set(
      others.map((one) => one.virtualRouterId).filter((id) => id !== virtualRouterId),
    );
  }

  /** Whether an advertisement with this number is one of theirs, and not of the group itself. */
  has(virtualRouterId: number): boolean {
    return this.#routerIds.has(virtualRouterId);
  }
}
