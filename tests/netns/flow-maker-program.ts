// Connections of subscribers that do not exist, put into the table of the namespace that this runs in, as if traffic had made
// them: the gateway's daemon sees events, for another program has caused them.
//
//   flow-maker-program.ts add FIRST COUNT        flows FIRST and following through the gateway, IPv6, source translated
//   flow-maker-program.ts remove FIRST COUNT     their ends
//   flow-maker-program.ts fill ADDRESS COUNT     connections of the gateway itself, at its address: nobody mirrors them
//   flow-maker-program.ts churn FIRST COUNT      adds and removes, again and again, until its standard input ends
import { setTimeout as sleep } from "node:timers/promises";
import { validIp } from "../../src/base/ip.ts";
import { ConntrackInjector } from "../../src/linux/conntrack-injector.ts";
import {
  IPPROTO_TCP,
  IPS_ASSURED,
  IPS_CONFIRMED,
  IPS_SEEN_REPLY,
} from "../../src/wire/conntrack-constants.ts";
import { FlowFields } from "../../src/wire/flow-fields.ts";
import { FlowRecordWriter } from "../../src/wire/flow-record.ts";

const ESTABLISHED = 3;
const LIFE_SECONDS = 3_000;
/** Between two steps the gateway's daemon gets a processor. */
const STEP = 2_000;
const STEP_MS = 10;

const [what = "", from = "", count = "0"] = process.argv.slice(2);
const injector = new ConntrackInjector();
const writer = new FlowRecordWriter(1 << 20);
const fields = new FlowFields();

function setFlow(number: number, at: Uint8Array | undefined): void {
  fields.clear();
  fields.protocol = IPPROTO_TCP;
  fields.status = IPS_CONFIRMED | IPS_SEEN_REPLY | IPS_ASSURED;
  fields.timeoutSeconds = LIFE_SECONDS;
  fields.tcpState = ESTABLISHED;
  const { original, reply } = fields;
  const [high, middle, low] = [number >> 16, (number >> 8) & 0xff, number & 0xff];
  original.sourcePort = 4_000 + high;
  original.destinationPort = 443;
  if (at !== undefined) {
    fields.family = 4;
    original.source.set([10, 98, middle, low]);
    original.destination.set(at);
    fields.invertOriginal();
    return;
  }
  fields.family = 6;
  original.source.set(validIp("fd00:1:0:7777::"));
  original.source.set([high, middle, low], 13);
  original.destination.set(validIp("2001:db8:0:7777::1"));
  fields.invertOriginal();
  reply.destination.set(validIp("2001:db8::1"));
  reply.destinationPort = 1_024 + (number & 0x7fff);
  // Each port is used by two flows, to different hosts.
  original.destination[15] = 1 + (number >> 15);
  reply.source[15] = 1 + (number >> 15);
}

async function each(
  first: number,
  many: number,
  options: { at?: Uint8Array; remove?: boolean },
): Promise<void> {
  for (let start = first; start < first + many; start += STEP) {
    for (let number = start; number < Math.min(first + many, start + STEP); number++) {
      setFlow(number, options.at);
      if (options.remove === true) writer.writeDelete(fields);
      else writer.writeUpsert(fields);
    }
    injector.inject(writer.take(), { first: "create", taken: "replace", timeoutSecondsMin: LIFE_SECONDS });
    await sleep(STEP_MS);
  }
}

const many = Number(count);
switch (what) {
  case "add":
    await each(Number(from), many, {});
    break;
  case "remove":
    await each(Number(from), many, { remove: true });
    break;
  case "fill":
    await each(0, many, { at: validIp(from) });
    break;
  case "churn": {
    let goesOn = true;
    process.stdin.on("end", () => {
      goesOn = false;
    });
    process.stdin.resume();
    while (goesOn) {
      await each(Number(from), many, {});
      await each(Number(from), many / 2, { remove: true });
    }
    break;
  }
  default:
    throw new Error(`${what} is not something to do`);
}
process.stdout.write(JSON.stringify(injector.counters));
injector.close();
