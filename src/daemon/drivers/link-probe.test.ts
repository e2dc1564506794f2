import "../../../tests/network/own-namespace.ts";
import assert from "node:assert/strict";
import { test } from "node:test";
import { untilLinkCarries } from "../../../tests/network/link-carries.ts";
import { runIp } from "../../../tests/network/test-host.ts";
import { BackgroundRouteSocket } from "../../linux/background-route-socket.ts";
import { linkProbe } from "./link-probe.ts";

test("says of a device whether it is up, and also that the kernel refuses to tell", async () => {
  runIp(["link add near type veth peer name far", "link set near up", "link set far up"]);
  untilLinkCarries("near", "far");
  const route = new BackgroundRouteSocket();
  const look = (device: string) => linkProbe(device, route)();
  assert.deepEqual(await look("near"), { good: true, words: "near is up" });
  runIp(["link set far down"]);
  assert.deepEqual(await look("near"), { good: false, words: "near has no carrier or is down" });
  assert.deepEqual(await look("nowhere"), { good: false, words: "there is no device nowhere" });
  await route.close();
  const refused = await look("near");
  assert.equal(refused.good, false);
  assert.match(refused.words, /^netlink send: /);
});
