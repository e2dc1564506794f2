// One half of what replication does, for tests in which a gateway is replaced:
//
//   move-flows.ts read           prints the records of all flows and expectations of this namespace, in hexadecimal digits
//   move-flows.ts write          takes such records from standard input into this namespace's kernel
import { readFileSync } from "node:fs";
import { FlowFilter } from "../../src/core/replication/flow-filter.ts";
import { FlowRecorder } from "../../src/core/replication/flow-recorder.ts";
import { ConntrackInjector } from "../../src/linux/conntrack-injector.ts";
import { ConntrackDump, visitExpectations } from "../../src/linux/conntrack-reader.ts";
import { FlowRecordWriter } from "../../src/wire/flow-record.ts";

if (process.argv[2] === "read") {
  const writer = new FlowRecordWriter(1 << 16);
  const dump = new ConntrackDump();
  // Everything: no address is this node's own here, and single exchanges count as well.
  const recorder = new FlowRecorder(new FlowFilter([], [], { shortExchanges: true }), writer, () => {
    throw new Error("too many flows");
  });
  while (dump.step(recorder.flow) === "more");
  visitExpectations(recorder.expectation);
  process.stdout.write(Buffer.from(writer.take()).toString("hex"));
} else {
  const records = Buffer.from(readFileSync(0, "utf8"), "hex");
  const injector = new ConntrackInjector();
  const options = { first: "create", taken: "replace", timeoutSecondsMin: 150 } as const;
  const count = injector.inject(new Uint8Array(records), options);
  process.stdout.write(JSON.stringify({ count, ...injector.counters }));
  injector.close();
}
