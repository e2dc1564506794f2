import { deviceIndex } from "../../linux/libc.ts";
import type { NodeSettings } from "../node-settings.ts";

/**
 * Notices a device that was removed and made anew under its name, as when its driver is loaded again: it begins with the kernel's
 * own settings.
 */
export class FaceDevices {
  readonly #indices = new Map<string, number>();

  /** @returns the devices of the groups' interfaces that are there and are others than at the last look; not those that went */
  takeRenewed({ groups }: NodeSettings): string[] {
    const names = new Set(groups.flatMap(({ faces }) => faces.map(({ device }) => device)));
    return [...names].filter((name) => {
      const index = deviceIndex(name);
      if (index === undefined || index === this.#indices.get(name)) return false;
      this.#indices.set(name, index);
      return true;
    });
  }
}
