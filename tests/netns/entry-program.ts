// Single entries of the namespace's connection table, as a helper would have made them: the gateway's daemon sees events, for another
// program has caused them.
//
//   entry-program.ts make JSON      { flows: FlowText[], expectations: ExpectationText[] }
//   entry-program.ts expectations   prints all of them as ExpectationText[], each with the zone of its master
import { ConntrackInjector } from "../../src/linux/conntrack-injector.ts";
import { ConntrackDump, visitExpectations } from "../../src/linux/conntrack-reader.ts";
import { FlowLookup } from "../../src/linux/flow-lookup.ts";
import { KnownZones } from "../../src/linux/known-zones.ts";
import {
  type ExpectationText,
  expectationOf,
  expectationText,
} from "../../src/wire/expectations.test-data.ts";
import { FlowRecordWriter } from "../../src/wire/flow-record.ts";
import { type FlowText, flowOf } from "../../src/wire/flows.test-data.ts";

export interface Entries {
  readonly flows: readonly FlowText[];
  readonly expectations: readonly ExpectationText[];
}

function make({ flows, expectations }: Entries): void {
  const injector = new ConntrackInjector();
  const writer = new FlowRecordWriter(64 << 10);
  for (const flow of flows) writer.writeUpsert(flowOf(flow));
  for (const expectation of expectations) writer.writeExpect(expectationOf(expectation));
  injector.inject(writer.take(), { first: "create", taken: "replace", timeoutSecondsMin: 0 });
  const { created, expected, refused } = injector.counters;
  process.stdout.write(JSON.stringify({ created, expected, refused }));
  injector.close();
}

function list(): void {
  const zones = new KnownZones();
  const dump = new ConntrackDump();
  while (dump.step(({ zone }) => zones.add(zone)) === "more");
  const lookup = new FlowLookup(zones);
  const all: ExpectationText[] = [];
  visitExpectations((expectation) => {
    lookup.masterOf(expectation, false);
    all.push(expectationText(expectation));
  });
  lookup.close();
  process.stdout.write(JSON.stringify(all));
}

const [what = "", json = ""] = process.argv.slice(2);
if (what === "make") make(JSON.parse(json) as Entries);
else if (what === "expectations") list();
