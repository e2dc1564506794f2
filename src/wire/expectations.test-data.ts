import fc from "fast-check";
import { formatIp, validIp } from "../base/ip.ts";
import { ExpectationFields } from "./expectation-fields.ts";
import { isIcmp, type TupleFields } from "./flow-fields.ts";
import { readTuple } from "./flows.test-data.ts";

/** An expectation in words that a test can compare; tuples are as in FlowText, with the protocol in front. */
export interface ExpectationText {
  readonly tuple: string;
  /** Address and port. */
  readonly mask: string;
  readonly master: string;
  readonly zone?: number;
  readonly timeoutSeconds?: number;
  readonly flags?: number;
  readonly class?: number;
  /** Direction, address and port; an empty text without translation. */
  readonly nat?: string;
  readonly helper?: string;
  readonly expectFunction?: string;
}

export function expectationText(fields: ExpectationFields): Required<ExpectationText> {
  const { zone, timeoutSeconds, flags, helper, expectFunction } = fields;
  const address = (bytes: Uint8Array) => formatIp(bytes.slice(0, fields.addressBytes));
  return {
    tuple: tupleText(fields, fields.tuple),
    mask: `${address(fields.maskSource)} ${fields.maskSourcePort}`,
    master: tupleText(fields, fields.master),
    ...{ zone, timeoutSeconds, flags, class: fields.class },
    nat: fields.hasNat ? `${fields.natDirection} ${address(fields.natAddress)} ${fields.natPort}` : "",
    helper: helper.text,
    expectFunction: expectFunction.text,
  };
}

function tupleText({ addressBytes }: ExpectationFields, tuple: TupleFields): string {
  const source = formatIp(tuple.source.slice(0, addressBytes));
  const destination = formatIp(tuple.destination.slice(0, addressBytes));
  const { protocol, icmpId, icmpType, icmpCode } = tuple;
  if (isIcmp(protocol)) return `${protocol} ${source} > ${destination} ${icmpId}/${icmpType}/${icmpCode}`;
  return `${protocol} ${source} ${tuple.sourcePort} > ${destination} ${tuple.destinationPort}`;
}

export function expectationOf(text: ExpectationText): ExpectationFields {
  const fields = new ExpectationFields();
  fields.family = text.tuple.includes(":") ? 6 : 4;
  readProtocolTuple(text.tuple, fields.tuple);
  readProtocolTuple(text.master, fields.master);
  const [maskAddress = "", maskPort] = text.mask.split(" ");
  fields.maskSource.set(validIp(maskAddress));
  fields.maskSourcePort = Number(maskPort);
  fields.zone = text.zone ?? 0;
  fields.timeoutSeconds = text.timeoutSeconds ?? 0;
  fields.flags = text.flags ?? 0;
  fields.class = text.class ?? 0;
  const [direction, natAddress, natPort] = (text.nat ?? "").split(" ");
  if (natAddress !== undefined) {
    fields.hasNat = true;
    fields.natDirection = Number(direction);
    fields.natAddress.set(validIp(natAddress));
    fields.natPort = Number(natPort);
  }
  fields.helper.setText(text.helper ?? "");
  fields.expectFunction.setText(text.expectFunction ?? "");
  return fields;
}

function readProtocolTuple(text: string, tuple: TupleFields): void {
  const [, protocol = "", rest = ""] = text.match(/^(\d+) (.*)$/) ?? [];
  tuple.protocol = Number(protocol);
  readTuple(tuple.protocol, rest, tuple);
}

/** What the helpers of this project expect; the masters of the first three are in rareFlows() and goldenFlows(). */
export function goldenExpectations(): Record<string, ExpectationFields> {
  const follow = { expectFunction: "nat-follow-master" };
  return {
    // The client of rareFlows()["tcp4-helper-sequence"] has said PORT: the server opens a connection back.
    "expect-ftp-active": expectationOf({
      ...{ tuple: "6 192.0.2.80 0 > 192.0.2.1 50021", mask: "255.255.255.255 0" },
      ...{ master: "6 10.1.0.10 41020 > 192.0.2.80 21", helper: "ftp", timeoutSeconds: 300, ...follow },
      nat: "1 10.1.0.10 50021",
    }),
    "expect-ftp-passive": expectationOf({
      ...{ tuple: "6 10.1.0.10 0 > 192.0.2.80 50022", mask: "255.255.255.255 0" },
      ...{ master: "6 10.1.0.10 41020 > 192.0.2.80 21", helper: "ftp", timeoutSeconds: 300 },
    }),
    "expect-tftp6": expectationOf({
      ...{ tuple: "17 2001:db8::80 0 > 2001:db8::1 41021", timeoutSeconds: 300, helper: "tftp", ...follow },
      mask: "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 0",
      master: "17 fd00:1::10 41021 > 2001:db8::80 69",
      nat: "1 fd00:1::10 41021",
    }),
    "expect-sip-signalling-zone": expectationOf({
      ...{ tuple: "17 0.0.0.0 0 > 192.0.2.1 5060", mask: "0.0.0.0 0", zone: 7, timeoutSeconds: 3_600 },
      ...{ master: "17 10.1.0.10 5060 > 192.0.2.80 5060", helper: "sip", flags: 1, class: 0 },
      ...{ nat: "1 10.1.0.10 5060", expectFunction: "sip" },
    }),
    "expect-pptp-call": expectationOf({
      ...{ tuple: "47 192.0.2.80 6002 > 192.0.2.1 6009", mask: "255.255.255.255 65535" },
      ...{ master: "6 10.1.0.10 41029 > 192.0.2.80 1723", helper: "pptp", timeoutSeconds: 300 },
      nat: "1 0.0.0.0 6001",
    }),
  };
}

const u8 = fc.nat(255);
const port = fc.nat(0xffff);

/** Any expectation that can be replicated. */
export const anyExpectation: fc.Arbitrary<ExpectationFields> = fc
  .record({
    family: fc.constantFrom(4 as const, 6 as const),
    protocols: fc.tuple(fc.constantFrom(6, 17, 47, 132), fc.constantFrom(6, 17, 1)),
    addresses: fc.array(fc.uint8Array({ minLength: 16, maxLength: 16 }), { minLength: 6, maxLength: 6 }),
    ports: fc.array(port, { minLength: 6, maxLength: 6 }),
    zone: fc.oneof(fc.constant(0), port),
    timeoutSeconds: fc.nat(0x7f_ffff),
    numbers: fc.tuple(u8, u8, u8),
    hasNat: fc.boolean(),
    helper: fc.constantFrom("", "ftp", "fifteen-letters"),
    expectFunction: fc.constantFrom("", "nat-follow-master", "x".repeat(31)),
  })
  .map((made) => {
    const fields = new ExpectationFields();
    fields.family = made.family;
    const { tuple, master } = fields;
    const places = [tuple.source, tuple.destination, master.source, master.destination];
    const all = [...places, fields.maskSource, fields.natAddress];
    for (const [index, place] of all.entries()) place.set(made.addresses[index] ?? []);
    [tuple.protocol, master.protocol] = made.protocols;
    const [a = 0, b = 0, c = 0, d = 0, maskPort = 0, natPort = 0] = made.ports;
    Object.assign(tuple, { sourcePort: a, destinationPort: b });
    if (isIcmp(master.protocol)) Object.assign(master, { icmpId: c, icmpType: 8 });
    else Object.assign(master, { sourcePort: c, destinationPort: d });
    fields.maskSourcePort = maskPort;
    fields.hasNat = made.hasNat;
    if (made.hasNat) Object.assign(fields, { natPort, natDirection: made.numbers[0] });
    const { zone, timeoutSeconds } = made;
    Object.assign(fields, { zone, timeoutSeconds, flags: made.numbers[1], class: made.numbers[2] });
    fields.helper.setText(made.helper);
    fields.expectFunction.setText(made.expectFunction);
    return fields;
  });
