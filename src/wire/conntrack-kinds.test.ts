import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { goldenBytes, readGolden } from "../../tests/golden/golden-file.ts";
import {
  IPPROTO_GRE,
  IPS_ASSURED,
  IPS_EXPECTED,
  IPS_FIXED_TIMEOUT,
  IPS_SEEN_REPLY,
} from "./conntrack-constants.ts";
import { flowParse, parseFlow } from "./conntrack-message.ts";
import {
  FLOW_MESSAGE_BYTES_MAX,
  writeCreate,
  writeCreatePlain,
  writeDelete,
  writeUpdate,
  writeUpdateOtherwise,
} from "./conntrack-request.ts";
import { ExpectationFields } from "./expectation-fields.ts";
import { parseExpectation } from "./expectation-message.ts";
import { writeExpect, writeExpectationDump, writeUnexpect } from "./expectation-request.ts";
import { anyExpectation, expectationText, goldenExpectations } from "./expectations.test-data.ts";
import { FlowFields } from "./flow-fields.ts";
import { flowText, rareFlows } from "./flows.test-data.ts";
import { NetlinkWriter, NLMSG_HEADER_BYTES } from "./netlink.ts";

// Kinds without traffic in the capture: made through ctnetlink on a kernel that has them, and read back.
const kinds = readGolden("conntrack-kinds");
// Linux has no DCCP any more; what is known of it is its uapi header.
const captured = Object.entries(rareFlows()).filter(([name]) => name !== "dccp4");
const expectations = Object.entries(goldenExpectations()).filter(
  ([name]) => name !== "expect-sip-signalling-zone",
);

describe("rare kinds of flows", () => {
  for (const [name, flow] of captured) {
    it(`decodes the kernel's entry of ${name}`, () => {
      const read = parsedFlow(goldenBytes(kinds, `${name}-entry`));
      const { status, timeoutSeconds } = read;
      const bits = IPS_SEEN_REPLY | IPS_ASSURED | IPS_EXPECTED;
      assert.equal(status & bits, flow.status & bits);
      // The kernel would end a GRE flow with its first packet, if its timer were not fixed.
      const isGre = flow.protocol === IPPROTO_GRE;
      const given = isGre ? 86_400 : flow.timeoutSeconds;
      assert.ok(timeoutSeconds <= given && timeoutSeconds >= given - 2, `${timeoutSeconds} s`);
      assert.equal((status & IPS_FIXED_TIMEOUT) !== 0, isGre);
      assert.deepEqual({ ...flowText(read), status: 0, timeoutSeconds: 0 }, comparable(flow));
    });

    it(`writes ${name} as the kernel took it`, () => {
      for (const [verb, write] of Object.entries({
        create: writeCreate,
        update: writeUpdate,
        delete: writeDelete,
      })) {
        const bytes = written((writer) => write(writer, flow, 1));
        assert.deepEqual(bytes, acknowledged(`${name}-${verb}`), verb);
      }
    });
  }

  it("carries DCCP's state, role and handshake to whom it may concern", () => {
    const flow = rareFlows()["dccp4"]!;
    assert.deepEqual(flowText(parsedFlow(written((writer) => writeCreate(writer, flow, 1)))), {
      ...flowText(flow),
      status: 0x0e,
    });
  });

  it("creates a plain flow without helper and master, which the kernel may not have", () => {
    for (const name of ["tcp4-helper-sequence", "tcp4-related"]) {
      const read = parsedFlow(written((writer) => writeCreatePlain(writer, rareFlows()[name]!, 1)));
      assert.deepEqual([read.helper.length === 0 || !read.has(2), read.has(4)], [true, false]);
      assert.equal(flowText(read).original, flowText(rareFlows()[name]!).original);
    }
  });

  it("updates with the bit for a master, or otherwise", () => {
    const expected = (write: typeof writeUpdate, name: string) => {
      const read = new FlowFields();
      const bytes = written((writer) => write(writer, rareFlows()[name]!, 1));
      parse(bytes, (view, start, end) => parseFlow(view, start, end, read));
      return (read.status & IPS_EXPECTED) !== 0;
    };
    for (const [name, has] of [
      ["tcp4-related", true],
      ["tcp4-helper-sequence", false],
    ] as const) {
      assert.equal(expected(writeUpdate, name), has);
      assert.equal(expected(writeUpdateOtherwise, name), !has);
    }
  });

  it("goes without what does not fit, and keeps the flow", () => {
    const bytes = goldenBytes(kinds, "tcp4-helper-sequence-entry").slice();
    // The name of the helper grows beyond what any has: "ftp" and its zero, 4 bytes, become an unending one.
    const name = Buffer.from(bytes).indexOf("ftp");
    assert.ok(name > 0);
    const long = new Uint8Array(bytes.length + 16).fill(0x61);
    long.set(bytes.subarray(0, name));
    long.set(bytes.subarray(name + 4), name + 20);
    const view = new DataView(long.buffer);
    view.setUint16(name - 4, 24, true);
    view.setUint16(name - 8, 28, true);
    const read = parsedFlow(long);
    assert.deepEqual([flowText(read).helper, flowText(read).sequenceOriginal.length], ["", 3]);
  });
});

describe("expectations", () => {
  for (const [name, expectation] of expectations) {
    it(`decodes the kernel's entry of ${name}`, () => {
      const read = new ExpectationFields();
      const bytes = goldenBytes(kinds, `${name}-entry`);
      assert.equal(
        parse(bytes, (view, start, end) => parseExpectation(view, start, end, read)),
        flowParse.ok,
      );
      const { timeoutSeconds } = read;
      assert.ok(
        timeoutSeconds <= expectation.timeoutSeconds && timeoutSeconds >= expectation.timeoutSeconds - 2,
      );
      read.timeoutSeconds = expectation.timeoutSeconds;
      assert.deepEqual(expectationText(read), expectationText(expectation));
    });

    it(`writes ${name} as the kernel took it`, () => {
      const create = written((writer) => writeExpect(writer, expectation, 1));
      assert.deepEqual(create, acknowledged(`${name}-create`));
      const remove = written((writer) => writeUnexpect(writer, expectation, 1));
      assert.deepEqual(remove, acknowledged(`${name}-delete`));
    });
  }

  it("names the helper only where the expected flow is to be watched as well", () => {
    const named = Object.entries(goldenExpectations()).filter(([, expectation]) => {
      const read = new ExpectationFields();
      const bytes = written((writer) => writeExpect(writer, expectation, 1));
      parse(bytes, (view, start, end) => parseExpectation(view, start, end, read));
      return read.helper.length > 0;
    });
    assert.deepEqual(
      named.map(([name]) => name),
      ["expect-sip-signalling-zone"],
    );
  });

  it("fits any expectation into the promised room, and means it", () => {
    fc.assert(
      fc.property(anyExpectation, (expectation) => {
        const bytes = written((writer) => writeExpect(writer, expectation, 1));
        assert.ok(bytes.length <= FLOW_MESSAGE_BYTES_MAX);
        const read = new ExpectationFields();
        assert.equal(
          parse(bytes, (view, start, end) => parseExpectation(view, start, end, read)),
          flowParse.ok,
        );
        assert.deepEqual(
          { ...expectationText(read), helper: "" },
          { ...expectationText(expectation), helper: "" },
        );
      }),
    );
  });

  it("gives an error number, never an exception, for messages that are cut anywhere", () => {
    for (const [name] of expectations) {
      const bytes = goldenBytes(kinds, `${name}-entry`);
      for (let length = NLMSG_HEADER_BYTES; length < bytes.length; length++) {
        const cut = bytes.subarray(0, length);
        const result = parse(cut, (view, start, end) =>
          parseExpectation(view, start, end, new ExpectationFields()),
        );
        assert.ok(Object.values<number>(flowParse).includes(result));
        if (length < 100) assert.notEqual(result, flowParse.ok);
      }
    }
  });

  it("never throws on random bytes", () => {
    const fields = new ExpectationFields();
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        parse(bytes, (view, start, end) => parseExpectation(view, start, end, fields));
      }),
    );
  });

  it("asks for all expectations of both families", () => {
    const expected = Uint8Array.of(20, 0, 0, 0, 1, 2, 1, 3, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
    assert.deepEqual(
      written((writer) => writeExpectationDump(writer, 1)),
      expected,
    );
  });
});

function comparable(flow: FlowFields) {
  return { ...flowText(flow), status: 0, timeoutSeconds: 0 };
}

function parsedFlow(bytes: Uint8Array): FlowFields {
  const fields = new FlowFields();
  const result = parse(bytes, (view, start, end) => parseFlow(view, start, end, fields));
  assert.equal(result, flowParse.ok);
  return fields;
}

function parse(bytes: Uint8Array, read: (view: DataView, start: number, end: number) => number): number {
  return read(
    new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength),
    NLMSG_HEADER_BYTES,
    bytes.length,
  );
}

function written(write: (writer: NetlinkWriter) => void): Uint8Array {
  const writer = new NetlinkWriter(1_024);
  write(writer);
  return writer.written();
}

/** The captured request without the flag that asks for an acknowledgement. */
function acknowledged(name: string): Uint8Array {
  const bytes = goldenBytes(kinds, name).slice();
  bytes[6] = (bytes[6] ?? 0) & ~0x04;
  return bytes;
}
