import { writeFileSync } from "node:fs";
import { type IpFamily, ipFamily, validIp } from "../../base/ip.ts";
import { sysctlPath } from "../../core/gateway-sysctls.ts";
import { deviceIndex, errorName } from "../../linux/libc.ts";
import { RouteSocket } from "../../linux/route-socket.ts";
import { virtualRouterMac } from "../../wire/vrrp.ts";
import type { FaceSettings, GroupSettings } from "../node-settings.ts";
import type { Face } from "./face.ts";

interface OwnDevice {
  readonly name: string;
  readonly family: IpFamily;
}

/**
 * The devices that carry virtual addresses under the hardware address of the virtual router (RFC 9568 7.3): macvlan
 * devices above those of the faces, one for each family. They exist as long as the daemon runs; VirtualAddresses
 * switches them on where the node is active. Nothing here is done when the node becomes active.
 */
export class VirtualMac {
  #route: RouteSocket | undefined;
  readonly #virtualRouterId: number;
  readonly #devices: ReadonlyMap<string, readonly OwnDevice[]>;

  constructor(group: GroupSettings) {
    this.#virtualRouterId = group.virtualRouterId;
    this.#devices = new Map(group.faces.map((face) => [face.name, ownDevices(face)]));
  }

  /**
   * Makes the devices of a face above the device that it has now. A face whose virtual addresses have no device to stand on is as good as down:
   * another node shall serve.
   *
   * @returns what was refused, in words
   */
  make(face: Face): string[] {
    const parentIndex = face.deviceIndex;
    if (parentIndex === undefined) return [];
    const devices = this.#devices.get(face.name) ?? [];
    const refusals = this.#makeAll(devices, parentIndex);
    if (devices.some(({ name }) => deviceIndex(name) === undefined)) face.setLink(undefined);
    return refusals;
  }

  /** Whether a device of this name carries virtual addresses of the face, and could do so: with the device below, it is made anew. */
  belongsTo(face: Face, device: string): boolean {
    const isOwn = this.#devices.get(face.name)?.some(({ name }) => name === device) ?? false;
    return isOwn && face.deviceIndex !== undefined && face.deviceIndex === deviceIndex(face.device);
  }

  #makeAll(devices: readonly OwnDevice[], parentIndex: number): string[] {
    return devices.flatMap(({ name, family }) => {
      if (deviceIndex(name) !== undefined) return [];
      this.#route ??= new RouteSocket();
      const mac = virtualRouterMac(this.#virtualRouterId, family);
      const [refusal] = this.#route.addMacvlan({ name, parentIndex, mac });
      if (refusal !== undefined) return [`${name}: ${errorName(refusal.errno)} ${refusal.text}`.trim()];
      return deviceSettings(name, family).flatMap(([setting, value]) => applySetting(setting, value));
    });
  }

  remove(): void {
    for (const { name } of [...this.#devices.values()].flat()) {
      const index = deviceIndex(name);
      if (index === undefined) continue;
      this.#route ??= new RouteSocket();
      this.#route.deleteLink(index);
    }
  }
}

function ownDevices({ device, virtualAddresses }: FaceSettings): readonly OwnDevice[] {
  const own = virtualAddresses.filter((virtual) => virtual.device !== device);
  const families = new Map(own.map((virtual) => [virtual.device, ipFamily(validIp(virtual.address))]));
  return [...families].map(([name, family]) => ({ name, family }));
}

function deviceSettings(device: string, family: IpFamily): readonly (readonly [string, number])[] {
  const v4 = `net.ipv4.conf.${device}`;
  const v6 = `net.ipv6.conf.${device}`;
  if (family === 4) {
    return [
      // It answers for its own addresses only, not for those of the device below.
      [`${v4}.arp_ignore`, 1],
      [`${v4}.arp_announce`, 2],
      [`${v4}.promote_secondaries`, 1],
      // Hosts send to this device, and the way back to them leads over the one below: that is no forgery.
      [`${v4}.rp_filter`, 2],
      [`${v6}.disable_ipv6`, 1],
    ];
  }
  return [
    // No link-local address made of the hardware address: every node would have the same.
    [`${v6}.addr_gen_mode`, 1],
    [`${v6}.accept_ra`, 0],
    [`${v6}.accept_dad`, 0],
    [`${v4}.arp_ignore`, 8],
  ];
}

function applySetting(setting: string, value: number): string[] {
  try {
    writeFileSync(sysctlPath(setting), String(value));
    return [];
  } catch (error) {
    return [`sysctl ${setting}=${value}: ${error instanceof Error ? error.message : String(error)}`];
  }
}
