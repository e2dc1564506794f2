import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { DecodeError } from "../../base/decode-error.ts";
import { expectationText, goldenExpectations } from "../../wire/expectations.test-data.ts";
import { FlowFields } from "../../wire/flow-fields.ts";
import { FLOW_RECORD_BYTES_MAX, FlowRecordReader, FlowRecordWriter } from "../../wire/flow-record.ts";
import { flowOf, flowText, goldenFlows } from "../../wire/flows.test-data.ts";
import { FlowFilter } from "./flow-filter.ts";
import { FlowRecorder } from "./flow-recorder.ts";

const flows = goldenFlows();
const expectation = goldenExpectations()["expect-ftp-active"]!;
const master = "6 10.1.0.10 41029 > 192.0.2.80 1723";
const call = {
  ...{ protocol: 47, status: 0x0f, master, original: "10.1.0.10 555 > 192.0.2.80 777" },
  reply: "192.0.2.80 777 > 192.0.2.1 38364",
};

describe("FlowRecorder", () => {
  it("writes what is mirrored, and its end", () => {
    const said = record((recorder) => {
      recorder.flow(flows["tcp4-source"]!, false);
      recorder.flow(flows["icmp6"]!, false);
      recorder.expectation(expectation, false);
      recorder.expectation(expectation, true);
      recorder.flow(flows["tcp4-source"]!, true);
    });
    assert.deepEqual(
      said.map(({ kind }) => kind),
      ["upsert", "expect", "unexpect", "delete"],
    );
  });

  it("makes an expectation of a call with a translated key, which no kernel takes as a flow", () => {
    const said = record((recorder) => {
      recorder.flow(flowOf(call), false);
      // The event of an established call does not name its master, nor does that of its end.
      recorder.flow(flowOf({ ...call, master: "" }), false);
      recorder.flow(flowOf({ ...call, master: "" }), true);
    });
    assert.deepEqual(
      said.map(({ kind }) => kind),
      ["expect", "unexpect"],
    );
    const tuple = "47 192.0.2.80 0 > 192.0.2.1 38364";
    assert.deepEqual(said[0]?.expectation, {
      ...{
        tuple,
        mask: "255.255.255.255 65535",
        master,
        zone: 0,
        timeoutSeconds: 86_400,
        flags: 0,
        class: 0,
      },
      ...{ nat: "1 10.1.0.10 555", helper: "pptp", expectFunction: "nat-follow-master" },
    });
    assert.equal(said[1]?.expectation.tuple, tuple);
  });

  it("expects the same of a call that came by an expectation itself: a gateway may die twice", () => {
    const again = {
      ...call,
      original: "192.0.2.80 0 > 192.0.2.1 38364",
      reply: "10.1.0.10 555 > 192.0.2.80 0",
    };
    const [first, second] = [call, again].map((one) => record((to) => to.flow(flowOf(one), false)));
    assert.deepEqual(second, first);
  });

  it("leaves the node's own calls to the node", () => {
    const own = { ...call, master: "6 192.0.2.2 41029 > 192.0.2.80 1723" };
    assert.deepEqual(
      record((recorder) => recorder.flow(flowOf(own), false), [Uint8Array.of(192, 0, 2, 2)]),
      [],
    );
  });

  it("asks for room before a record might not fit", () => {
    const writer = new FlowRecordWriter(2 * FLOW_RECORD_BYTES_MAX);
    let emptied = 0;
    const recorder = new FlowRecorder(new FlowFilter([], []), writer, () => {
      emptied++;
      writer.take();
    });
    for (let i = 0; i < 100; i++) recorder.flow(flows["tcp4-source"]!, false);
    assert.ok(emptied >= 3 && emptied <= 10, String(emptied));
  });
});

function record(write: (recorder: FlowRecorder) => void, own: readonly Uint8Array[] = []) {
  const writer = new FlowRecordWriter(1 << 16);
  write(new FlowRecorder(new FlowFilter(own, []), writer, () => assert.fail("there is room")));
  const reader = new FlowRecordReader(writer.take());
  const said = [];
  while (!reader.atEnd) {
    const flow = new FlowFields();
    const kind = reader.next(flow);
    assert.ok(!(kind instanceof DecodeError));
    said.push({ kind, flow: flowText(flow), expectation: expectationText(reader.expectation) });
  }
  return said;
}
