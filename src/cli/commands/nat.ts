import { formatIp, type IpAddress, parseIp } from "../../base/ip.ts";
import { ProblemError } from "../../base/problem.ts";
import { blockOfSubscriber, type OutsideOwner, outsideOwners } from "../../contract/nat-owner.ts";
import { portBlocksOf } from "../../contract/nat-targets.ts";
import { type PortBlock, portBlocksText, portBlockText } from "../../contract/port-blocks.ts";
import { requireDocument } from "../document-file.ts";
import { type ExitStatus, exitStatus } from "../exit-status.ts";

interface Options {
  readonly config: string;
  readonly output: string;
}

/** Whose an outside address and port are. */
export function natWho(addressText: string, portText: string, { config, output }: Options): ExitStatus {
  const address = validAddress(addressText);
  const port = /^[0-9]{1,5}$/.test(portText) ? Number(portText) : Number.NaN;
  if (!(port >= 0 && port <= 65_535)) {
    throw new ProblemError({
      code: "bad-usage",
      message: `"${portText}" is not a port`,
      hint: "A port is a number from 0 to 65535.",
    });
  }
  const owners = outsideOwners(requireDocument(config).document, address, port);
  if (output === "json") {
    const plain = owners.map((owner) =>
      owner.kind === "subscriber" ? { ...owner, block: plainBlock(owner.block) } : owner,
    );
    write({ address: formatIp(address), port, owners: plain });
  } else if (owners.length === 0) {
    process.stdout.write(`${formatIp(address)} port ${port} belongs to nobody\n`);
  } else {
    for (const owner of owners) process.stdout.write(`${ownerText(owner)}\n`);
  }
  return owners.length === 0 ? exitStatus.notOk : exitStatus.ok;
}

/** The address and ports of a subscriber. */
export function natBlock(subscriberText: string, { config, output }: Options): ExitStatus {
  const subscriber = validAddress(subscriberText);
  const found = blockOfSubscriber(requireDocument(config).document, subscriber);
  if (output === "json") {
    const block = found === undefined ? null : { rule: found.rule, ...plainBlock(found.block) };
    write({ subscriber: formatIp(subscriber), block });
  } else if (found === undefined) {
    process.stdout.write(`${formatIp(subscriber)} is no subscriber of nat.cgnat\n`);
  } else {
    process.stdout.write(`${formatIp(subscriber)} has ${portBlockText(found.block)} (rule ${found.rule})\n`);
  }
  return found === undefined ? exitStatus.notOk : exitStatus.ok;
}

/** How subscribers share addresses. */
export function natShow({ config, output }: Options): ExitStatus {
  const { nat } = requireDocument(config).document;
  const rules = nat.cgnat.map((rule) => ({ id: rule.id, blocks: portBlocksOf(rule) }));
  if (output === "json") {
    const plain = rules.map(({ id, blocks }) => {
      const { subscribers, blocksPerAddress, portsPerSubscriber, addresses, addressesNeeded } = blocks;
      return { rule: id, subscribers, blocksPerAddress, portsPerSubscriber, addresses, addressesNeeded };
    });
    write({ cgnat: plain });
  } else if (rules.length === 0) {
    process.stdout.write("no subscribers share addresses: the document has no nat.cgnat\n");
  } else {
    for (const { id, blocks } of rules) process.stdout.write(`${id}: ${portBlocksText(blocks)}\n`);
  }
  return exitStatus.ok;
}

function ownerText(owner: OutsideOwner): string {
  switch (owner.kind) {
    case "forward": {
      const protocol = owner.protocol === "both" ? "tcp and udp" : owner.protocol;
      return `${owner.host} port ${owner.port} answers there, ${protocol} (forward ${owner.rule})`;
    }
    case "one-to-one":
      return `${owner.host} (one to one, rule ${owner.rule})`;
    case "subscriber":
      return `${owner.host} has ${portBlockText(owner.block)} (rule ${owner.rule})`;
    case "shared":
      return `a host of ${owner.from.join(", ")} (rule ${owner.rule}): which one, only the connection table knows`;
  }
}

function plainBlock({ address, firstPort, lastPort }: PortBlock) {
  return { address: formatIp(address), firstPort, lastPort };
}

function write(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value, null, 2)}\n`);
}

function validAddress(text: string): IpAddress {
  const address = parseIp(text);
  if (address !== undefined) return address;
  throw new ProblemError({
    code: "bad-usage",
    message: `"${text}" is not an address`,
    hint: "Write it as 203.0.113.7 or 2001:db8::7.",
  });
}
