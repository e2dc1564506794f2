// A call of PPTP through the translation of a gateway that is replaced: the kernel has translated the caller's call id, too.
// See tests/network/two-gateways.ts and src/wire/call-expectation.ts.
import "../network/own-namespace.ts";
import assert from "node:assert/strict";
import { createInterface } from "node:readline";
import { after, before, describe, it } from "node:test";
import { TwoGateways } from "../network/two-gateways.ts";
import { waitFor } from "./namespace-waiting.ts";

const SOURCE = `ip saddr 10.1.0.0/24 oifname "wan" snat ip to 192.0.2.1`;
const RULES_A = `
table inet nat {
  ct helper pptp { 
    type "pptp" protocol tcp;
  }
  chain helpers {
    type filter hook prerouting priority mangle
    ct state new tcp dport 1723 ct helper set "pptp"
  }
  chain after {
    type nat hook postrouting priority srcnat
    ${SOURCE}
  }
}`;
/** As a standby has it: the same translation, and nothing new from outside but what is expected. */
const RULES_B = `
table inet nat {
  chain forwarded {
    type filter hook forward priority filter
    iifname "wan" ct state { new, invalid } drop
  }
  chain before { type nat hook prerouting priority dstnat; }
  chain after {
    type nat hook postrouting priority srcnat
    ${SOURCE}
  }
}`;

describe("a call of PPTP whose gateway is replaced", () => {
  let hosts: TwoGateways;
  const ends = new Map<string, { readonly say: (line: string) => void; readonly heard: string[] }>();

  function start(host: "client" | "server", args: readonly string[]): void {
    const child = hosts[host].start("pptp-end.ts", args);
    const heard: string[] = [];
    createInterface(child.stdout).on("line", (line) => heard.push(line));
    ends.set(host, { heard, say: (line) => void child.stdin.write(`${line}\n`) });
  }

  const hears = (end: "client" | "server", what: string | RegExp) =>
    waitFor(`the ${end} to hear ${what}`, () => ends.get(end)?.heard.find((line) => line.match(what)));

  async function talk(line: string): Promise<void> {
    ends.get("client")?.say(`${line}, question`);
    await hears("server", `${line}, question`);
    ends.get("server")?.say(`${line}, answer`);
    await hears("client", `${line}, answer`);
  }

  before(async () => {
    hosts = await TwoGateways.build({ a: RULES_A, b: RULES_B });
    start("server", ["serve"]);
    await hears("server", "ready");
    start("client", ["call", "192.0.2.80"]);
    await hears("client", "connected 777");
    await talk("through A");
  });
  after(() => hosts?.close());

  it("goes on in both directions, by the caller's call id", async () => {
    const translated = (await hears("server", /^connected/)).split(" ")[1];
    assert.notEqual(translated, "555", "the kernel translates the caller's call id");
    const { created, expected, refused } = hosts.replace();
    assert.deepEqual([created, expected, refused], [1, 1, {}]);
    await talk("through B");
    await talk("and on");
  });
});
