import { readFileSync } from "node:fs";
import {
  type ExpectationText,
  expectationText,
  goldenExpectations,
} from "../../src/wire/expectations.test-data.ts";
import type { FlowFields } from "../../src/wire/flow-fields.ts";
import {
  FLOW_RECORD_BYTES_MAX,
  type FlowRecordReader,
  FlowRecordWriter,
} from "../../src/wire/flow-record.ts";
import type { RecordKind } from "../../src/wire/flow-record-layout.ts";
import { type FlowText, flowText, goldenFlows, rareFlows } from "../../src/wire/flows.test-data.ts";

/** One record of tests/golden/flow-records.txt. */
export interface RecordSample {
  readonly name: string;
  readonly kind: RecordKind;
  /** What the record says, as recordText() or expectText() tell it. */
  readonly fields: object;
  readonly bytes: Uint8Array;
}

const path = new URL("flow-records.txt", import.meta.url);

export function readRecords(): RecordSample[] {
  const [, ...sections] = readFileSync(path, "utf8").split(/^\[/m);
  return sections.map((section) => {
    const [heading = "", fields = "", ...digits] = section.trim().split("\n");
    const [, name = "", kind = ""] = heading.match(/^(.*)\] (\w+)$/) ?? [];
    return {
      name,
      kind: kind as RecordKind,
      fields: JSON.parse(fields) as object,
      bytes: Uint8Array.from(Buffer.from(digits.join("").replace(/\s/g, ""), "hex")),
    };
  });
}

/** What the record of a flow says: of a flow that ends only what it is. Fields that are empty are left out. */
export function recordText(kind: string, flow: FlowFields): Partial<FlowText> {
  const text = flowText(flow);
  if (kind === "upsert") return withoutEmpty(text);
  const { protocol, original, zone, zoneDirection } = text;
  return withoutEmpty({ protocol, original, zone, zoneDirection });
}

export function expectText(
  kind: string,
  { expectation }: Pick<FlowRecordReader, "expectation">,
): Partial<ExpectationText> {
  const text = expectationText(expectation);
  const { tuple, zone } = text;
  return withoutEmpty(kind === "expect" ? text : { tuple, zone });
}

function withoutEmpty<T extends object>(text: T): Partial<T> {
  const isEmpty = (value: unknown) => value === "" || value === 0 || String(value) === "" || value === "0,0";
  const filled = Object.entries(text).filter(
    ([name, value]) =>
      !isEmpty(value) && String(value) !== "0,0" && !(name === "zoneDirection" && value === 3),
  );
  return Object.fromEntries(filled) as Partial<T>;
}

/** All samples, as this program writes them. */
export function makeRecords(): RecordSample[] {
  const flows = Object.entries({ ...goldenFlows(), ...rareFlows() });
  const sample = (name: string, kind: RecordKind, fields: object, write: (to: FlowRecordWriter) => void) => {
    const writer = new FlowRecordWriter(FLOW_RECORD_BYTES_MAX);
    write(writer);
    return { name, kind, fields, bytes: writer.take() };
  };
  return [
    ...flows.map(([name, flow]) =>
      sample(name, "upsert", recordText("upsert", flow), (to) => to.writeUpsert(flow)),
    ),
    ...flows.map(([name, flow]) =>
      sample(`${name} delete`, "delete", recordText("delete", flow), (to) => to.writeDelete(flow)),
    ),
    ...Object.entries(goldenExpectations()).flatMap(([name, expectation]) => [
      sample(name, "expect", expectText("expect", { expectation }), (to) => to.writeExpect(expectation)),
      sample(`${name} end`, "unexpect", expectText("unexpect", { expectation }), (to) =>
        to.writeUnexpect(expectation),
      ),
    ]),
  ];
}

export function sampleBytes(name: string): Uint8Array | undefined {
  return makeRecords().find((one) => one.name === name)?.bytes;
}

export function renderRecords(samples: readonly RecordSample[]): string {
  const head = [
    "# Records of flow-sync, version 2 (docs/protocol/flow-sync.md), for whoever writes another implementation.",
    "# Each: [name] kind, what it says as JSON, and its bytes. Written by tests/golden/write-records.ts from the flows in",
    "# src/wire/flows.test-data.ts and expectations.test-data.ts; src/wire/flow-record.test.ts checks both directions.",
    "# Addresses and ports are `source > destination`; ICMP has id/type/code after the destination. Numbers that are 0,",
    "# and what a flow does not have, are left out; `zoneDirection` is left out where the zone is that of both.",
  ];
  const sections = samples.map(({ name, kind, fields, bytes }) => {
    const digits =
      Buffer.from(bytes)
        .toString("hex")
        .match(/.{1,64}/g) ?? [];
    return [`[${name}] ${kind}`, JSON.stringify(fields), ...digits.map(inWords)].join("\n");
  });
  return `${head.join("\n")}\n\n${sections.join("\n\n")}\n`;
}

function inWords(digits: string): string {
  return digits.match(/.{1,8}/g)?.join(" ") ?? "";
}
