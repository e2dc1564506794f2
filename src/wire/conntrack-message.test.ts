import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { goldenBytes, readGolden } from "../../tests/golden/golden-file.ts";
import {
  IPCTNL_MSG_CT_DELETE,
  IPCTNL_MSG_CT_NEW,
  IPPROTO_ICMP,
  IPPROTO_ICMPV6,
  IPPROTO_TCP,
  IPPROTO_UDP,
  IPS_ASSURED,
  IPS_SEEN_REPLY,
} from "./conntrack-constants.ts";
import { flowParse, parseFlow } from "./conntrack-message.ts";
import {
  FLOW_MESSAGE_BYTES_MAX,
  writeCreate,
  writeDelete,
  writeDump,
  writeUpdate,
} from "./conntrack-request.ts";
import { FlowFields, zoneDirection } from "./flow-fields.ts";
import { anyFlow, type FlowText, flowOf, flowText, goldenFlows } from "./flows.test-data.ts";
import { NetlinkWriter, NLMSG_HEADER_BYTES } from "./netlink.ts";

const events = readGolden("conntrack-events");
const entries = readGolden("conntrack-entries");
const requests = readGolden("conntrack-requests");

const talks: Readonly<Record<string, FlowText>> = {
  "tcp4-source": {
    protocol: IPPROTO_TCP,
    original: "10.1.0.10 41001 > 192.0.2.80 5001",
    reply: "192.0.2.80 5001 > 192.0.2.1 41001",
  },
  "tcp4-plain": {
    protocol: IPPROTO_TCP,
    original: "10.1.0.10 41002 > 192.0.2.80 5002",
    reply: "192.0.2.80 5002 > 10.1.0.10 41002",
  },
  "tcp4-destination": {
    protocol: IPPROTO_TCP,
    original: "192.0.2.80 41003 > 192.0.2.1 5003",
    reply: "10.1.0.10 80 > 192.0.2.80 41003",
  },
  "tcp4-both": {
    protocol: IPPROTO_TCP,
    original: "10.1.0.10 41004 > 10.1.0.1 5004",
    reply: "192.0.2.80 80 > 192.0.2.1 41004",
  },
  "tcp6-source": {
    protocol: IPPROTO_TCP,
    original: "fd00:1::10 41005 > 2001:db8::80 5005",
    reply: "2001:db8::80 5005 > 2001:db8::1 41005",
  },
  "tcp4-zone-mark": {
    protocol: IPPROTO_TCP,
    original: "10.1.0.10 41006 > 192.0.2.80 5006",
    reply: "192.0.2.80 5006 > 10.1.0.10 41006",
    zone: 7,
    mark: 42,
  },
  "udp4-source-port": {
    protocol: IPPROTO_UDP,
    original: "10.1.0.10 41007 > 192.0.2.80 5007",
    reply: "192.0.2.80 5007 > 192.0.2.1 40007",
  },
  "udp6-mark": {
    protocol: IPPROTO_UDP,
    original: "fd00:1::10 41008 > 2001:db8::80 5008",
    reply: "2001:db8::80 5008 > fd00:1::10 41008",
    mark: 42,
  },
  "icmp4-source": {
    protocol: IPPROTO_ICMP,
    original: "10.1.0.10 > 192.0.2.80 4660/8/0",
    reply: "192.0.2.80 > 192.0.2.1 4660/0/0",
  },
  "icmp6-plain": {
    protocol: IPPROTO_ICMPV6,
    original: "fd00:1::10 > 2001:db8::80 17185/128/0",
    reply: "2001:db8::80 > fd00:1::10 17185/129/0",
  },
};

/** The timer's start by protocol and state (net.netfilter.nf_conntrack_*_timeout of the kernel that was captured). */
const fullSeconds = { established: 432_000, stream: 120, exchange: 30 } as const;
const ESTABLISHED = 3;

describe("conntrack dump entries", () => {
  for (const [name, talk] of Object.entries(talks)) {
    it(`decodes ${name}`, () => {
      const flow = parsed(goldenBytes(entries, name));
      const tcp = talk.protocol === IPPROTO_TCP;
      assert.deepEqual(
        withoutTimers(flow),
        withoutTimers(flowOf({ ...talk, tcpState: tcp ? ESTABLISHED : 0 })),
      );
      assert.equal((flow.status & IPS_ASSURED) !== 0, tcp);
      // Linux hosts scale their windows and know selective acknowledgements.
      assert.deepEqual(flowText(flow).tcpFlags, tcp ? [3, 3] : [0, 0]);
      assert.deepEqual(
        flowText(flow).tcpScales.map((scale) => scale > 0),
        [tcp, tcp],
      );
      assert.notEqual(flow.status & IPS_SEEN_REPLY, 0);
      assertTimer(flow, tcp ? fullSeconds.established : fullSeconds.exchange);
    });
  }

  it("knows a UDP flow that has become a stream", () => {
    for (const name of ["udp4-source-port-assured", "udp6-mark-assured"]) {
      const flow = parsed(goldenBytes(entries, name));
      assert.notEqual(flow.status & IPS_ASSURED, 0);
      assertTimer(flow, fullSeconds.stream);
    }
  });
});

describe("conntrack events", () => {
  for (const [name, talk] of Object.entries(talks)) {
    it(`decodes the first, the last and the end of ${name}`, () => {
      for (const moment of ["first", "last-update", "destroy"]) {
        // Where only `assured` and `destroy` are wanted, the first event is the last update too.
        if (name === "tcp4-source" && moment === "last-update") continue;
        const bytes = goldenBytes(events, `${name}-${moment}`);
        const flow = parsed(bytes);
        const { protocol, original, reply, zone } = flowText(flow);
        const seen = { protocol, original, reply, zone };
        assert.deepEqual(seen, { ...pick(talk), zone: talk.zone ?? 0 }, moment);
        assert.equal(messageType(bytes), moment === "destroy" ? IPCTNL_MSG_CT_DELETE : IPCTNL_MSG_CT_NEW);
      }
    });
  }

  it("has what replication needs in an event for assured alone", () => {
    const flow = parsed(goldenBytes(events, "tcp4-source-first"));
    assert.notEqual(flow.status & IPS_ASSURED, 0);
    assert.equal(flow.tcpState, ESTABLISHED);
    assertTimer(flow, fullSeconds.established);
  });

  it("has the assured bit in the event of the end, so that the same filter fits", () => {
    assert.notEqual(parsed(goldenBytes(events, "tcp4-source-destroy")).status & IPS_ASSURED, 0);
    assert.equal(parsed(goldenBytes(events, "icmp4-source-destroy")).status & IPS_ASSURED, 0);
  });

  it("has no reply yet in an event of a new flow", () => {
    assert.equal(parsed(goldenBytes(events, "tcp4-plain-first")).status & IPS_SEEN_REPLY, 0);
    assert.equal(parsed(goldenBytes(events, "tcp4-plain-first")).tcpState, 1);
  });
});

describe("parseFlow", () => {
  it("gives an error number, never an exception, for messages that are cut anywhere", () => {
    for (const file of [events, entries]) {
      for (const [name, { bytes }] of file) {
        for (let length = NLMSG_HEADER_BYTES; length < bytes.length; length++) {
          const result = parse(bytes.subarray(0, length), new FlowFields());
          const whole = wholeAttributes(bytes, length);
          // A cut between attributes leaves a message: a shorter one, which may be all that is needed.
          if (whole !== undefined && whole >= 2) assert.equal(result, flowParse.ok, `${name} at ${length}`);
          else assert.notEqual(result, flowParse.ok, `${name} at ${length}`);
        }
      }
    }
  });

  it("never reads beyond the given end", () => {
    const bytes = goldenBytes(entries, "tcp4-plain");
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    assert.equal(parseFlow(view, 16, bytes.length + 1, new FlowFields()), flowParse.short);
    assert.equal(parseFlow(view, 16, 19, new FlowFields()), flowParse.short);
    assert.equal(parseFlow(view, 20, 16, new FlowFields()), flowParse.short);
  });

  it("skips attributes that it does not know, at every level", () => {
    const bytes = goldenBytes(entries, "tcp4-source");
    const expected = flowText(parsed(bytes));
    // A type that no kernel has, of every length, with every padding, in front of each known attribute.
    for (const length of [4, 5, 8, 11]) {
      const unknown = new Uint8Array((length + 3) & ~3);
      unknown.set([length, 0, 0xff, 0x3f]);
      for (let place = 20; place < bytes.length; place += (view16(bytes, place) + 3) & ~3) {
        assert.deepEqual(flowText(parsed(insert(bytes, place, unknown))), expected, `at ${place}`);
      }
      // Within the nested attributes: the outer length grows too.
      const nested = insert(bytes, 24, unknown);
      nested[20] = view16(bytes, 20) + unknown.length;
      assert.deepEqual(flowText(parsed(nested)), expected);
    }
  });

  it("knows the protocols' families only", () => {
    const bytes = goldenBytes(entries, "tcp4-plain").slice();
    for (const family of [0, 1, 7, 255]) {
      bytes[16] = family;
      assert.equal(parse(bytes, new FlowFields()), flowParse.family);
    }
  });

  it("never throws on random bytes", () => {
    const fields = new FlowFields();
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => void parse(bytes, fields)));
  });

  it("never throws on a kernel's message with any bytes changed", () => {
    const fields = new FlowFields();
    const samples = [...entries.values()].map(({ bytes }) => bytes);
    const change = fc.tuple(fc.nat(400), fc.nat(255));
    fc.assert(
      fc.property(fc.constantFrom(...samples), fc.array(change, { maxLength: 6 }), (bytes, changes) => {
        const changed = bytes.slice();
        for (const [place, value] of changes) if (place < changed.length) changed[place] = value;
        parse(changed, fields);
      }),
      { numRuns: 2_000 },
    );
  });
});

describe("conntrack requests", () => {
  for (const [name, flow] of Object.entries(goldenFlows())) {
    it(`writes ${name} as the kernel took it`, () => {
      assert.deepEqual(written(writeCreate, flow), acknowledged(`${name}-create`));
      assert.deepEqual(written(writeUpdate, flow), acknowledged(`${name}-update`));
      assert.deepEqual(written(writeDelete, flow), acknowledged(`${name}-delete`));
    });
  }

  it("creates with the reply tuple as it is before translation: else the kernel does not translate", () => {
    const bytes = written(writeCreate, goldenFlows()["tcp4-both-zone"]!);
    const asked = flowText(parsed(bytes));
    assert.equal(asked.original, "10.1.0.10 41004 > 10.1.0.1 8081");
    assert.equal(asked.reply, "10.1.0.1 8081 > 10.1.0.10 41004");
    assert.equal(asked.zone, 7);
  });

  it("fits any flow into the promised room, and means that flow", () => {
    fc.assert(
      fc.property(anyFlow, (flow) => {
        for (const write of [writeCreate, writeUpdate, writeDelete]) {
          const bytes = written(write, flow);
          assert.ok(bytes.length <= FLOW_MESSAGE_BYTES_MAX);
          const again = new FlowFields();
          // An update and a delete name the original tuple alone.
          assert.equal(parse(bytes, again), write === writeCreate ? flowParse.ok : flowParse.noTuple);
          assert.equal(flowText(again).original, flowText(flow).original);
          const isOfReply = flow.zone !== 0 && flow.zoneDirection === zoneDirection.reply;
          assert.equal(again.zone, isOfReply && write !== writeCreate ? 0 : flow.zone);
          if (again.zone !== 0) assert.equal(again.zoneDirection, flow.zoneDirection);
        }
      }),
    );
  });

  it("asks for the whole table of both families", () => {
    const writer = new NetlinkWriter(64);
    writeDump(writer, 1);
    assert.deepEqual(
      writer.written(),
      Uint8Array.of(20, 0, 0, 0, 1, 1, 1, 3, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0),
    );
  });
});

function parse(bytes: Uint8Array, into: FlowFields): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return parseFlow(view, NLMSG_HEADER_BYTES, bytes.length, into);
}

function parsed(bytes: Uint8Array): FlowFields {
  const fields = new FlowFields();
  assert.equal(parse(bytes, fields), flowParse.ok);
  return fields;
}

/** What the conversation in the capture was, without what its hosts chose. */
function withoutTimers(flow: FlowFields) {
  return { ...flowText(flow), timeoutSeconds: 0, status: 0, tcpFlags: [0, 0], tcpScales: [0, 0] };
}

/** The entry was read within two seconds after its last packet. */
function assertTimer(flow: FlowFields, fullTime: number): void {
  assert.ok(
    flow.timeoutSeconds <= fullTime && flow.timeoutSeconds >= fullTime - 2,
    `${flow.timeoutSeconds} s`,
  );
}

function pick({ protocol, original, reply }: FlowText) {
  return { protocol, original, reply };
}

function written(
  write: (writer: NetlinkWriter, fields: FlowFields, sequence: number) => void,
  flow: FlowFields,
): Uint8Array {
  const writer = new NetlinkWriter(1_024);
  write(writer, flow, 1);
  return writer.written();
}

/** The captured request without the flag that asks for an acknowledgement. */
function acknowledged(name: string): Uint8Array {
  const bytes = goldenBytes(requests, name).slice();
  bytes[6] = (bytes[6] ?? 0) & ~0x04;
  return bytes;
}

function messageType(bytes: Uint8Array): number {
  return view16(bytes, 4);
}

function view16(bytes: Uint8Array, offset: number): number {
  return new DataView(bytes.buffer, bytes.byteOffset).getUint16(offset, true);
}

function insert(bytes: Uint8Array, place: number, more: Uint8Array): Uint8Array {
  return Uint8Array.from([...bytes.subarray(0, place), ...more, ...bytes.subarray(place)]);
}

/** How many attributes end exactly at this length or within its padding; undefined when it cuts one. */
function wholeAttributes(bytes: Uint8Array, length: number): number | undefined {
  let count = 0;
  for (let place = 20; place < bytes.length; count++) {
    // Fewer than four bytes of the next one are no attribute yet: they read as padding.
    if (length - place < 4) return count;
    const end = place + view16(bytes, place);
    if (length < end) return undefined;
    place = (end + 3) & ~3;
  }
  return count;
}
