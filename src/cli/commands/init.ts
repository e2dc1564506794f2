import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { formatIp, parseNetwork } from "../../base/ip.ts";
import { ProblemError } from "../../base/problem.ts";
import { readDocument } from "../../contract/read-document.ts";
import { initKeys, requireNodeName } from "../../keys/key-files.ts";
import { refuseExisting } from "../../keys/key-folder.ts";
import { keyFileNames, nodeKeyFileNames } from "../../keys/read-keys.ts";
import { type Answers, askAtTerminal, proposalsTaken } from "../bootstrap/ask.ts";
import { type Draft, draftText } from "../bootstrap/document-draft.ts";
import {
  addressesInUse,
  type HostDevice,
  type HostNetwork,
  readHostNetwork,
} from "../bootstrap/host-network.ts";
import {
  addressText,
  type GatewayRole,
  gatewayRoles,
  isPrivate,
  lanNetworks,
  proposeRoles,
  virtualCandidates,
} from "../bootstrap/network-proposal.ts";
import { hostNodeName } from "../choose-node.ts";
import { DocumentProblems, defaultDocumentPath } from "../document-file.ts";
import { type ExitStatus, exitStatus } from "../exit-status.ts";

export interface InitOptions {
  readonly config: string;
  readonly cluster?: string;
  readonly node?: string;
  readonly lan?: string;
  readonly wan?: string;
  readonly sync?: string;
  readonly virtualLan?: readonly string[];
  readonly virtualWan?: readonly string[];
  readonly routerId: string;
  readonly yes?: boolean;
  readonly output: string;
}

const CANDIDATES_MOST = 8;

const roleQuestions: Readonly<Record<GatewayRole, string>> = {
  lan: "Device to the hosts (lan)",
  wan: "Device to the provider (wan)",
  sync: "Device to the other gateway (sync)",
};

/** Makes the first document and the keys of a new cluster from what this machine has. Never overwrites anything. */
export async function init(options: InitOptions): Promise<ExitStatus> {
  const config = resolve(options.config);
  const keys = join(dirname(config), "keys");
  const host = hostNodeName();
  refuseDocument(config);
  refuseExisting(keys, Object.values(keyFileNames));
  const network = readHostNetwork();
  const answers = chooseAnswers(options);
  let draft: Draft;
  try {
    const node = options.node ?? (await answers.ask("Name of this node", host === "" ? "gw1" : host));
    requireNodeName(node);
    refuseExisting(keys, Object.values(nodeKeyFileNames(node)));
    const cluster = options.cluster ?? (await answers.ask("Name of the cluster", "gateway"));
    draft = await makeDraft({ node, cluster }, network, answers, options);
  } finally {
    answers.close();
  }
  const text = draftText(draft);
  const read = readDocument(text, config);
  if (read.document === undefined) throw new DocumentProblems(read.problems, text, config);
  const written = await initKeys(keys, draft.node);
  mkdirSync(dirname(config), { recursive: true });
  writeFileSync(config, text, { flag: "wx", mode: 0o644 });
  if (options.output === "json") {
    process.stdout.write(`${JSON.stringify({ ok: true, written: [config, ...written], ...draft })}\n`);
    return exitStatus.ok;
  }
  process.stdout.write(`wrote ${config}\n${written.map((path) => `wrote ${path}\n`).join("")}\n`);
  process.stdout.write(nextSteps(draft, options.config));
  return exitStatus.ok;
}

function chooseAnswers({ yes, output }: InitOptions): Answers {
  if (yes === true) return proposalsTaken;
  if (process.stdin.isTTY && process.stdout.isTTY && output === "text")
    return askAtTerminal(process.stdin, process.stdout);
  throw new ProblemError({
    code: "needs-answers",
    message: "there is no terminal that questions could be asked at: nothing was written",
    hint: "Take what tocha proposes with --yes; every answer has an option of its own: tocha init --help.",
  });
}

function refuseDocument(config: string): void {
  if (!existsSync(config)) return;
  throw new ProblemError({
    code: "document-exists",
    message: `${config} exists already; nothing was written`,
    hint: 'A machine that has a document lets others join with "tocha token". To begin anew, move it and its keys away.',
    file: config,
  });
}

async function makeDraft(
  names: { readonly node: string; readonly cluster: string },
  network: HostNetwork,
  answers: Answers,
  options: InitOptions,
): Promise<Draft> {
  const say = (text: string) => {
    if (options.output === "text") process.stdout.write(`${text}\n`);
  };
  const devices = await chooseDevices(network, answers, options, say);
  const virtual = {
    lan: await chooseVirtual("lan", devices.lan, network, answers, { wish: options.virtualLan, say }),
    wan: await chooseVirtual("wan", devices.wan, network, answers, { wish: options.virtualWan, say }),
  };
  const nat = natRules(lanNetworks(devices.lan, network), virtual.wan);
  for (const { from, to } of nat) say(`  nat   ${from.join(", ")} leaves as ${to}`);
  const rest = network.devices.filter(
    (one) => one.addresses.length > 0 && !Object.values(devices).includes(one),
  );
  if (rest.length > 0)
    say(`  not used: ${rest.map(({ name, addresses }) => `${name} ${addresses.join(" ")}`).join("; ")}`);
  const ofRole = (role: GatewayRole) => ({ device: devices[role].name, addresses: devices[role].addresses });
  return {
    ...names,
    interfaces: { lan: ofRole("lan"), wan: ofRole("wan"), sync: ofRole("sync") },
    ...{ virtual, nat, virtualRouterId: Number(options.routerId) },
  };
}

async function chooseDevices(
  network: HostNetwork,
  answers: Answers,
  options: InitOptions,
  say: (text: string) => void,
): Promise<Record<GatewayRole, HostDevice>> {
  const chosen: Partial<Record<GatewayRole, string>> = {};
  for (const role of gatewayRoles) {
    const wish = options[role];
    if (wish !== undefined) chosen[role] = wish;
  }
  const result: Partial<Record<GatewayRole, HostDevice>> = {};
  // By what is sure: the default route tells the one to the provider.
  for (const role of ["wan", "lan", "sync"] as const) {
    const proposal = proposeRoles(network, chosen).find((one) => one.role === role);
    const name = chosen[role] ?? (await answers.ask(roleQuestions[role], proposal?.device?.name ?? ""));
    const device = network.devices.find((one) => one.name === name);
    if (device === undefined || device.addresses.length === 0) throw noDevice(role, name, network);
    const same = Object.entries(result).find(([, other]) => other === device);
    if (same !== undefined) throw noDevice(role, "", network);
    chosen[role] = name;
    result[role] = device;
    const why = name === proposal?.device?.name ? proposal.why : "named";
    say(`  ${role.padEnd(5)} ${device.name} ${device.addresses.join(" ")} (${why})`);
    if (device.leased.length > 0)
      say(`        ${device.leased.join(" ")} comes from a DHCP server: a gateway needs a fixed address`);
  }
  const { lan, wan, sync } = result;
  if (lan === undefined || wan === undefined || sync === undefined)
    throw new Error("all roles were asked for");
  return { lan, wan, sync };
}

function noDevice(role: GatewayRole, name: string, { devices }: HostNetwork): ProblemError {
  const there = devices.filter(({ addresses }) => addresses.length > 0);
  const shown = there.map(({ name: one, addresses }) => `${one} ${addresses.join(" ")}`).join("; ");
  const message =
    name === ""
      ? `no device is left for ${role}: a gateway needs three, to the hosts, to the provider, and to the other gateway`
      : `${name.slice(0, 60)} is no device with a fixed address`;
  const hint = `This machine has: ${shown === "" ? "none with an address" : shown}. A VLAN will do for one; set its address first, or name the device: --${role}.`;
  return new ProblemError({ code: "no-device-for-role", message, hint });
}

/** One virtual address for each network that the device has an own address in. */
async function chooseVirtual(
  role: "lan" | "wan",
  device: HostDevice,
  { routes }: HostNetwork,
  answers: Answers,
  { wish, say }: { readonly wish: readonly string[] | undefined; readonly say: (text: string) => void },
): Promise<readonly string[]> {
  if (wish !== undefined) {
    say(`  ${role.padEnd(5)} virtual ${wish.join(" ")} (named)`);
    return wish;
  }
  const own = device.addresses.flatMap((text) => parseNetwork(text) ?? []);
  const taken = [
    ...own.map(({ address }) => address),
    ...routes.flatMap(({ via }) =>
      via === undefined ? [] : (parseNetwork(`${via}/${via.includes(":") ? 128 : 32}`)?.address ?? []),
    ),
  ];
  const candidates = own.map((one) => ({
    own: one,
    free: virtualCandidates(one, { role, taken, most: CANDIDATES_MOST }),
  }));
  const used = await addressesInUse(candidates.flatMap(({ free }) => free.map(formatIp)));
  const chosen: string[] = [];
  for (const { own: one, free } of candidates) {
    const first = free.find((address) => !used.has(formatIp(address)));
    const proposal = first === undefined ? "" : addressText(first, one.prefixLength);
    const answer = await answers.ask(
      `Virtual address of ${role} in ${device.name}'s network ${addressText(one.address, one.prefixLength)}`,
      proposal,
    );
    // The rules of the document say what is wrong with another answer.
    if (answer !== "") chosen.push(answer.includes("/") ? answer : `${answer}/${one.prefixLength}`);
  }
  if (chosen.length === 0) {
    const message = `no address is free for ${role} near ${device.addresses.join(" ")}`;
    const hint = `Name the virtual address: --virtual-${role} ADDRESS/PREFIX. A network with room for two gateways and a virtual address has a prefix of at most 29.`;
    throw new ProblemError({ code: "no-virtual-address-left", message, hint });
  }
  const busy = [...used];
  say(
    `  ${role.padEnd(5)} virtual ${chosen.join(" ")} (nobody has it${busy.length === 0 ? "" : `; in use: ${busy.join(" ")}`})`,
  );
  return chosen;
}

/** Private networks are translated to the virtual address; public ones are routed as they are. */
function natRules(networks: readonly string[], wan: readonly string[]): Draft["nat"] {
  return ([4, 6] as const).flatMap((family) => {
    const isOfFamily = (text: string) => text.includes(":") === (family === 6);
    const to = wan.find(isOfFamily)?.split("/")[0];
    const from = networks.filter((text) => {
      const network = parseNetwork(text);
      return network !== undefined && isOfFamily(text) && isPrivate(network.address);
    });
    if (to === undefined || from.length === 0) return [];
    return [{ id: family === 4 ? "lan-out" : "lan6-out", from, to }];
  });
}

function nextSteps({ virtual, node }: Draft, config: string): string {
  const option = config === defaultDocumentPath ? "" : ` --config ${config}`;
  const named = node === hostNodeName() ? "" : ` --node ${node}`;
  const gateway = virtual.lan.map((text) => text.split("/")[0]).join(" and ");
  return `Hosts use ${gateway} as their gateway, once the cluster runs.
Keep a copy of the keys folder in a safe place: whoever has ca.key can add nodes.

Next:
  tocha token${option}${named}    here: lets the other machine join; it prints what to type there
  tocha run${option}${named}      here: be a gateway, at once or after the other has joined
`;
}
