import { type IpNetwork, parseNetwork } from "../../base/ip.ts";
import { type Problem, ProblemError } from "../../base/problem.ts";
import type { ConnectionFilter } from "../../contract/connections.ts";
import { IPPROTO_TCP, tcpStates } from "../../wire/conntrack-constants.ts";
import type { FlowFields } from "../../wire/flow-fields.ts";
import { hasPorts, protocolNumbers, replyState, replyStates } from "./flow-names.ts";

/** True for a flow that is meant. Allocates nothing: it runs for every entry of the table. */
export type FlowTest = (fields: FlowFields) => boolean;

/**
 * Makes a test of a filter's texts. Throws ProblemError (`bad-filter`) when one of them is not understood.
 *
 * @param isMirrored says whether a flow is of the kind that is mirrored; called last
 */
export function compileFlowQuery(filter: ConnectionFilter, isMirrored: FlowTest): FlowTest {
  const tests = [
    anyOf(filter.protocol.map(protocolTest)),
    anyOf(filter.state.map(stateTest)),
    anyOf(filter.source.map((text) => addressTest("source", text, ({ original }) => original.source))),
    anyOf(
      filter.destination.map((text) =>
        addressTest("destination", text, ({ original }) => original.destination),
      ),
    ),
    anyOf(filter.nat.map(natTest)),
    anyOf(filter.port.map(portTest)),
    anyOf(filter.mirrored.map((text) => mirroredTest(text, isMirrored))),
  ].filter((test) => test !== undefined);
  return (fields) => {
    for (const test of tests) if (!test(fields)) return false;
    return true;
  };
}

/** Undefined where nothing is asked for. */
function anyOf(tests: readonly FlowTest[]): FlowTest | undefined {
  const [only] = tests;
  if (only === undefined || tests.length === 1) return only;
  return (fields) => {
    for (const test of tests) if (test(fields)) return true;
    return false;
  };
}

function protocolTest(text: string): FlowTest {
  const name = text.toLowerCase();
  const number = Object.hasOwn(protocolNumbers, name) ? protocolNumbers[name] : wholeNumber(name, 255);
  if (number === undefined) {
    throw refused(
      `"${text}" is no protocol`,
      `Protocols: ${Object.keys(protocolNumbers).join(", ")}, or a number from 0 to 255.`,
    );
  }
  return ({ protocol }) => protocol === number;
}

const stateNames: readonly string[] = tcpStates;

/** A state of TCP; or of any protocol, whether there were answers. */
function stateTest(text: string): FlowTest {
  const name = text.toUpperCase().replaceAll("-", "_");
  const reply = replyStates.find((one) => one === name);
  if (reply !== undefined) return (fields) => replyState(fields) === reply;
  const state = stateNames.indexOf(name);
  if (state <= 0) {
    const names = [...tcpStates.slice(1), ...replyStates].join(", ");
    throw refused(`"${text}" is no state of a connection`, `States: ${names}.`);
  }
  return ({ protocol, tcpState }) => protocol === IPPROTO_TCP && tcpState === state;
}

function addressTest(what: string, text: string, addressOf: (fields: FlowFields) => Uint8Array): FlowTest {
  const network = readNetwork(what, text);
  return (fields) => contains(network, addressOf(fields), fields.addressBytes);
}

function natTest(text: string): FlowTest {
  if (text === "any") return (fields) => fields.sourceTranslated || fields.destinationTranslated;
  if (text === "none") return (fields) => !fields.sourceTranslated && !fields.destinationTranslated;
  const network = readNetwork("nat", text);
  return (fields) => {
    const { reply, addressBytes } = fields;
    // Replies go to the translated source, and come from the translated destination.
    if (contains(network, reply.destination, addressBytes) && fields.sourceTranslated) return true;
    return contains(network, reply.source, addressBytes) && fields.destinationTranslated;
  };
}

const PORT_MAX = 65_535;

function portTest(text: string): FlowTest {
  const [firstText = "", lastText = firstText, ...rest] = text.split("-");
  const first = wholeNumber(firstText, PORT_MAX);
  const last = wholeNumber(lastText, PORT_MAX);
  if (first === undefined || last === undefined || last < first || rest.length > 0)
    throw refused(`"${text}" is no port`, "Write a port, such as 443, or a range, such as 8000-8099.");
  const within = (port: number) => port >= first && port <= last;
  return ({ protocol, original, reply }) =>
    hasPorts(protocol) &&
    (within(original.destinationPort) ||
      within(original.sourcePort) ||
      within(reply.sourcePort) ||
      within(reply.destinationPort));
}

function mirroredTest(text: string, isMirrored: FlowTest): FlowTest {
  if (text === "yes") return isMirrored;
  if (text === "no") return (fields) => !isMirrored(fields);
  throw refused(`"${text}" is neither yes nor no`, "Write --mirrored yes or --mirrored no.");
}

function readNetwork(what: string, text: string): IpNetwork {
  const network = parseNetwork(text);
  if (network !== undefined) return network;
  const words = what === "nat" ? "; or any, or none" : "";
  throw refused(
    `"${text}" is no address and no network (${what})`,
    `Write an address or a network, such as 10.1.0.7, 10.1.0.0/24 or 2001:db8::/64${words}.`,
  );
}

/** As networkContains, for addresses in memory that is used again: only the first bytes count. */
function contains(
  { address, prefixLength }: IpNetwork,
  candidate: Uint8Array,
  addressBytes: number,
): boolean {
  if (address.length !== addressBytes) return false;
  const whole = prefixLength >> 3;
  for (let i = 0; i < whole; i++) if (address[i] !== candidate[i]) return false;
  const rest = prefixLength & 7;
  if (rest === 0) return true;
  return (((address[whole] ?? 0) ^ (candidate[whole] ?? 0)) & (0xff << (8 - rest)) & 0xff) === 0;
}

function wholeNumber(text: string, max: number): number | undefined {
  return /^[0-9]{1,5}$/.test(text) && Number(text) <= max ? Number(text) : undefined;
}

function refused(message: string, hint: string): ProblemError {
  const problem: Problem = { code: "bad-filter", message, hint };
  return new ProblemError(problem);
}
