import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { stringify } from "yaml";
import type { ClusterDocument } from "../../contract/cluster-document.ts";
import { REMOVED, redactSecrets } from "../../contract/redact-secrets.ts";
import type { SupportPart } from "../../contract/support.ts";
import type { NodeSettings } from "../node-settings.ts";
import { version } from "../version.ts";
import { askForJson, runLimited } from "./limited-program.ts";

/** A bundle goes by mail: of a longer text the end is kept where it is a log, else the beginning. */
const FILE_CHARACTERS_MAX = 200_000;
const JOURNAL_LINES = 3_000;

/** One text of a bundle: what it is, and how to get it. Undefined: there is none, because … */
export interface SupportText {
  readonly name: string;
  readonly about: string;
  readonly get: () => Promise<string> | string;
  readonly keep?: "end";
}

/** Collects the texts of one node. Whatever cannot be had is named; secrets are taken out of all. */
export async function collectSupport(
  settings: NodeSettings,
  further: readonly SupportText[],
  pids: readonly number[],
): Promise<SupportPart> {
  const known = knownSecrets(settings);
  const leftOut: { name: string; why: string }[] = [...neverIncluded];
  let removed = 0;
  const texts = [...machineTexts(settings, pids), ...further];
  const files = await Promise.all(
    texts.map(async ({ name, about, get, keep }) => {
      try {
        const whole = redactSecrets(await get(), known);
        removed += whole.removed;
        if (whole.text.trim() === "") throw new Error("there is nothing");
        return [{ name, about, text: cut(whole.text, keep) }];
      } catch (error) {
        const why = error instanceof Error ? error.message : String(error);
        leftOut.push({ name, why: redactSecrets(why, known).text });
        return [];
      }
    }),
  );
  return { node: settings.node, files: files.flat(), leftOut, removed };
}

const neverIncluded = [
  {
    name: "the keys folder",
    why: "keys and certificates are secrets; doctor.json says whether they are good",
  },
  { name: "connections", why: "who speaks with whom is private; their number is in conntrack.txt" },
  { name: "arguments of scripts", why: "they may hold passwords" },
  { name: "rules of other programs", why: "only the names of their tables are there" },
] as const;

function cut(text: string, keep: "end" | undefined): string {
  if (text.length <= FILE_CHARACTERS_MAX) return text;
  const note = `[cut: ${text.length} characters, ${FILE_CHARACTERS_MAX} kept]\n`;
  return keep === "end"
    ? note + text.slice(-FILE_CHARACTERS_MAX)
    : `${text.slice(0, FILE_CHARACTERS_MAX)}\n${note}`;
}

/** Everything in the keys folder, what the arbiter's files and variable hold, and arguments of scripts that are more than options and paths. */
export function knownSecrets({ keysDirectory, arbiter, document }: NodeSettings): string[] {
  const files = [
    ...(existsSync(keysDirectory) ? readdirSync(keysDirectory) : [])
      .filter((name) => name.endsWith(".key"))
      .map((name) => join(keysDirectory, name)),
    ...[arbiter?.keyFile, arbiter?.userFile].filter((path) => path !== undefined),
  ];
  const inFiles = files.flatMap((path) => {
    try {
      return [readFileSync(path, "utf8").trim()];
    } catch {
      return []; // Nobody who cannot read it has put it anywhere.
    }
  });
  const variable = arbiter?.userEnvironment;
  const inEnvironment = (variable === undefined ? undefined : process.env[variable]) ?? "";
  // A key is also known by each of its lines, USER:PASSWORD by its end.
  const contents = [...inFiles, inEnvironment].flatMap((text) => [
    text,
    ...text.split("\n").filter((line) => !line.startsWith("-----")),
    text.slice(text.indexOf(":") + 1),
  ]);
  const isTelling = (word: string) => word.length >= 8 && !/^\/\S*$/.test(word);
  const commands = Object.values(document.groups).flatMap(({ checks }) => Object.values(checks));
  return [...contents, ...commands.flatMap(({ command = [] }) => command.slice(1).filter(isTelling))];
}

/** The document with the arguments of scripts left out. It has no other secrets: it refers to them. */
function withoutArguments(document: ClusterDocument): unknown {
  return JSON.parse(
    JSON.stringify(document, (key, value: unknown) =>
      key === "command" && Array.isArray(value) ? [value[0], ...value.slice(1).map(() => REMOVED)] : value,
    ),
  );
}

function machineTexts(settings: NodeSettings, pids: readonly number[]): SupportText[] {
  const { document, node } = settings;
  return [
    {
      name: "document.yaml",
      about: "the cluster document as the node understands it",
      get: () => stringify(withoutArguments(document)),
    },
    { name: "versions.txt", about: "of tocha and of what it runs on", get: () => versions() },
    command("ip-address.txt", "addresses", ["ip", "address", "show"]),
    command("ip-link.txt", "devices and their counters", ["ip", "-s", "-d", "link", "show"]),
    command("ip-route.txt", "IPv4 routes of all tables", ["ip", "-4", "route", "show", "table", "all"]),
    command("ip-route6.txt", "IPv6 routes of all tables", ["ip", "-6", "route", "show", "table", "all"]),
    command("ip-rule.txt", "rules for routing", ["ip", "rule", "show"]),
    command("ip-neighbour.txt", "neighbours on the links", ["ip", "neighbour", "show"]),
    { name: "nft-tocha.txt", about: "the rules of tocha", get: () => ownTables() },
    command("nft-tables.txt", "the names of all tables", ["nft", "list", "tables"]),
    { name: "sysctl-net.txt", about: "kernel settings for the network", get: () => networkSettings() },
    { name: "conntrack.txt", about: "how full the connection table is", get: () => conntrackFigures() },
    { name: "machine.txt", about: "load, memory, uptime", get: () => machineFigures() },
    {
      name: "processes.txt",
      about: "the processes of the node",
      get: () =>
        pids.length === 0
          ? Promise.reject(new Error("no daemon runs"))
          : output(["ps", "-o", "pid,ppid,cls,rtprio,rss,etime,time,comm", "-p", pids.join(",")]),
    },
    { name: "journal.txt", about: "the log of the daemon", keep: "end", get: () => journal(node) },
  ];
}

function command(name: string, about: string, words: readonly string[]): SupportText {
  return { name, about: `${about}: ${words.join(" ")}`, get: () => output(words) };
}

async function output([program = "", ...args]: readonly string[]): Promise<string> {
  const { status, out, err } = await runLimited(program, args);
  if (status === 0) return out;
  throw new Error(`${program} ${args.join(" ")}: ${err.trim().slice(0, 200)}`);
}

async function versions(): Promise<string> {
  const tools = [
    ["nft", "--version"],
    ["ip", "-V"],
    ["git", "--version"],
  ] as const;
  const said = await Promise.all(
    tools.map(async (words) => `${words[0]}: ${(await runLimited(words[0], [words[1]])).out.trim()}`),
  );
  const system = ["/proc/version", "/etc/os-release"].map(read);
  return [`tocha ${version}`, `Node.js ${process.version}`, ...said, ...system].join("\n");
}

async function ownTables(): Promise<string> {
  const list = (await askForJson("nft", ["-j", "list", "tables"])) as
    | {
        readonly nftables?: readonly {
          readonly table?: { readonly family: string; readonly name: string };
        }[];
      }
    | undefined;
  const own = (list?.nftables ?? []).flatMap(({ table }) =>
    table !== undefined && /^tocha(-|$)/.test(table.name) ? [table] : [],
  );
  if (own.length === 0) throw new Error("no rules of tocha are loaded");
  const texts = await Promise.all(
    own.map(({ family, name }) => output(["nft", "list", "table", family, name])),
  );
  return texts.join("\n");
}

/** Some settings are keys: that of TCP Fast Open, and the secrets that IPv6 addresses are made from. */
async function networkSettings(): Promise<string> {
  const text = await output(["sysctl", "-a", "--pattern", "^net\\."]);
  return text
    .split("\n")
    .filter((line) => !/^[^=]*(key|secret)/i.test(line))
    .join("\n");
}

function conntrackFigures(): string {
  const names = ["count", "max", "buckets"].map((name) => `nf_conntrack_${name}`);
  const figures = names.map((name) => `${name} ${read(`/proc/sys/net/netfilter/${name}`).trim()}`);
  return [...figures, "", read("/proc/net/stat/nf_conntrack")].join("\n");
}

function machineFigures(): string {
  return ["loadavg", "uptime", "meminfo"].map((name) => `${name}\n${read(`/proc/${name}`)}`).join("\n");
}

async function journal(node: string): Promise<string> {
  if (!existsSync("/run/systemd/system"))
    throw new Error("there is no systemd: the log is where the daemon was started");
  const unit = ["-u", `tocha@${node}.service`];
  const options = ["--no-pager", "-q", "-o", "short-iso-precise", "-n", String(JOURNAL_LINES)];
  const text = await output(["journalctl", ...unit, ...options]);
  if (text.trim() === "") throw new Error(`the journal has nothing of tocha@${node}`);
  return text;
}

function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
