// Kinds of flows that go on through another gateway: real traffic through gateway A, its kernel's entries as records into
// gateway B, then the same traffic through B, which has no rule that translates. See tests/network/two-gateways.ts.
import "../network/own-namespace.ts";
import assert from "node:assert/strict";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { after, before, describe, it } from "node:test";
import type { TestHost } from "../network/test-host.ts";
import { TwoGateways } from "../network/two-gateways.ts";

const RULES_A = `
table inet nat {
  ct helper tftp { 
    type "tftp" protocol udp;
  }
  ct helper irc { 
    type "irc" protocol tcp;
  }
  ct helper sip { 
    type "sip" protocol udp;
  }
  chain helpers {
    type filter hook prerouting priority mangle
    ct state new udp dport 69 ct helper set "tftp"
    ct state new tcp dport 6667 ct helper set "irc"
    ct state new udp dport 5060 ct helper set "sip"
  }
  chain after {
    type nat hook postrouting priority srcnat
    ip saddr 10.1.0.0/24 oifname "wan" snat ip to 192.0.2.1
  }
}`;
/** What is new from the WAN side is dropped: only what B was told to expect comes through. */
const RULES_B = `
table inet nat {
  chain forwarded {
    type filter hook forward priority filter
    ct state invalid drop
    ct state new drop
  }
  chain before { type nat hook prerouting priority dstnat; }
  chain after { type nat hook postrouting priority srcnat; }
}`;

const transports = ["udplite", "gre", "sctp"] as const;
const helped = ["tftp", "irc", "sip"] as const;

/** A program of tests/network on a host, and the lines that it prints. */
class End {
  readonly #process: ReturnType<TestHost["start"]>;
  readonly #lines: AsyncIterator<string>;

  constructor(host: TestHost, program: string, args: readonly string[]) {
    this.#process = host.start(program, args);
    this.#lines = createInterface(this.#process.stdout)[Symbol.asyncIterator]();
  }

  say(line: string): void {
    this.#process.stdin.write(`${line}\n`);
  }

  async hear(): Promise<string> {
    const silence = once(AbortSignal.timeout(5_000), "abort").then(() => ({ value: "silence" }));
    return String((await Promise.race([this.#lines.next(), silence])).value);
  }
}

describe("a gateway that takes over flows of rare kinds", () => {
  let hosts: TwoGateways;
  const callers = new Map<string, End>();
  const servers = new Map<string, End>();
  let injected: ReturnType<TwoGateways["replace"]>;

  before(async () => {
    hosts = await TwoGateways.build({ a: RULES_A, b: RULES_B });
    const { client, server } = hosts;
    for (const transport of transports) {
      const echo = new End(server, "raw-end.ts", ["serve", transport]);
      assert.equal(await echo.hear(), "ready");
      const caller = new End(client, "raw-end.ts", ["call", transport, "192.0.2.80"]);
      assert.equal(await caller.hear(), "connected", transport);
      for (const line of ["through A", "and again"]) {
        caller.say(line);
        assert.equal(await caller.hear(), line, transport);
      }
      callers.set(transport, caller);
    }
    for (const protocol of helped) {
      const told = new End(server, "expect-end.ts", ["serve", protocol]);
      assert.equal(await told.hear(), "ready");
      callers.set(protocol, new End(client, "expect-end.ts", ["call", protocol, "192.0.2.80", "10.1.0.10"]));
      assert.match(await told.hear(), /^told 192\.0\.2\.1 \d+$/, `${protocol}: the helper has translated`);
      servers.set(protocol, told);
    }
    injected = hosts.replace();
  });
  after(() => hosts?.close());

  it("has them in its kernel, none refused", () => {
    assert.deepEqual([injected.created, injected.refused], [transports.length + helped.length, {}]);
    // SIP expects RTP and RTCP.
    assert.equal(injected.expected, helped.length + 1);
  });

  for (const transport of transports) {
    it(`goes on: ${transport}`, async () => {
      const caller = callers.get(transport);
      assert.ok(caller);
      for (const line of ["through B", "and on"]) {
        caller.say(line);
        assert.equal(await caller.hear(), line);
      }
    });
  }

  for (const protocol of helped) {
    it(`lets through what the helper of ${protocol} expected elsewhere`, async () => {
      servers.get(protocol)?.say("expected");
      assert.equal(await callers.get(protocol)?.hear(), "expected");
    });
  }

  it("knows the state of the SCTP association", () => {
    const listed = hosts.b.run("conntrack", ["-L", "-p", "sctp"]);
    assert.match(listed, /ESTABLISHED src=10\.1\.0\.10 .* dst=192\.0\.2\.1 .*\[ASSURED\]/);
  });
});
