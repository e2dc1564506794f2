import assert from "node:assert/strict";
import { run, runIp } from "./test-host.ts";

/**
 * Whether this kernel has VLAN devices (CONFIG_VLAN_8021Q): to one that has none, every tag is one that nobody has configured. A test that
 * needs them is left out there, and not skipped: there is nothing that could be wrong. To be called in a namespace of its own.
 */
export function hasVlanDevices(): boolean {
  runIp(["link add vlantrial type veth peer name vlanfar"]);
  try {
    runIp(["link add link vlantrial name vlantrial.9 type vlan id 9"]);
    return true;
  } catch (error) {
    assert.match(String(error), /Unknown device type/);
    return false;
  } finally {
    run("ip", ["link", "del", "vlantrial"]);
  }
}
