import type { BackgroundRouteSocket } from "../../linux/background-route-socket.ts";
import { orRefusal, type Probe } from "./probe.ts";

/** Whether a device is there, is up and has a carrier. */
export function linkProbe(device: string, route: BackgroundRouteSocket): Probe {
  return () =>
    orRefusal(async () => {
      const link = (await route.links()).find(({ name }) => name === device);
      if (link === undefined) return { good: false, words: `there is no device ${device}` };
      return { good: link.up, words: link.up ? `${device} is up` : `${device} has no carrier or is down` };
    });
}
