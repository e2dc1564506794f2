import { X509Certificate } from "node:crypto";
import { accessSync, constants, existsSync, readFileSync, statfsSync } from "node:fs";
import { totalmem } from "node:os";
import { dirname } from "node:path";
import { ProblemError } from "../../base/problem.ts";
import type { ConfigState } from "../../contract/config-operations.ts";
import type { NodeFacts } from "../../contract/doctor-facts.ts";
import { readNodeKeys } from "../../keys/read-keys.ts";
import { isClockSynchronised } from "../../linux/libc.ts";
import { readNumber } from "../kernel-figures.ts";
import type { NodeSettings } from "../node-settings.ts";
import type { FailoverReport, ReplicatorReport } from "../role-report.ts";
import { version } from "../version.ts";
import { kernelFacts, toolFacts } from "./doctor-facts-kernel.ts";
import { interfaceFacts, routeFacts } from "./doctor-facts-links.ts";
import { programFacts } from "./doctor-facts-programs.ts";
import { foreignChainFacts, rulesRefusals } from "./doctor-facts-rules.ts";
import { automaticHelpers, sysctlFacts } from "./doctor-facts-sysctls.ts";
import { addressAnswers, fullSizeProbes } from "./doctor-probes.ts";
import { listenForRouters } from "./doctor-vrrp.ts";
import { runLimited } from "./limited-program.ts";

export interface FactsSource {
  readonly settings: NodeSettings;
  /** What the roles say; undefined where no daemon runs. */
  readonly roles:
    | {
        readonly failover: FailoverReport | undefined;
        readonly replicator: ReplicatorReport | undefined;
      }
    | undefined;
  /** What a running node has found out about its stored history; undefined until it has. */
  readonly history?: ConfigState["history"];
  /** Kinds of connections that the kernel does not take, where no replicator has found out. */
  readonly lackingKinds?: readonly string[] | undefined;
}

/**
 * Finds out everything that `tocha doctor` judges about this node. Nothing is changed; every question that is asked of a program
 * or of the network has a limit, and what cannot be found out is named.
 */
export async function collectNodeFacts(source: FactsSource): Promise<NodeFacts> {
  const { settings, roles } = source;
  const failures: NodeFacts["failures"] = [];
  // One thing that cannot be found out must not hide the others.
  const orElse = async <T>(
    what: string,
    checks: readonly string[],
    fallback: T,
    find: () => Promise<T> | T,
  ): Promise<T> => {
    try {
      return await find();
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      failures.push({ what: `${what}: ${why}`, checks: [...checks] });
      return fallback;
    }
  };
  const programs = await orElse("programs", ["programs", "managed-devices"], [], () => programFacts());
  const lackingKinds = roles?.replicator?.missingKinds ?? source.lackingKinds;
  const noLinks = { interfaces: [], macs: [] };
  const [kernel, tools, refusals, links, chains, routes, probes, answers, heard, service, clock] =
    await Promise.all([
      kernelFacts(lackingKinds),
      toolFacts(),
      orElse("rules", ["rules"], [], () => rulesRefusals(settings, lackingKinds)),
      orElse(
        "devices",
        ["devices", "managed-devices", "speed", "mtu", "router-advertisements"],
        noLinks,
        () => interfaceFacts(settings, programs),
      ),
      orElse("rules of others", ["other-rules"], [], () => foreignChainFacts()),
      orElse("routes", ["routes", "reverse-path-filter"], [], () => routeFacts(settings)),
      orElse("packets of full size", ["full-size"], [], () => fullSizeProbes(settings)),
      orElse("who answers for virtual addresses", ["duplicate-addresses"], [], () =>
        addressAnswers(settings),
      ),
      orElse("other VRRP routers", ["foreign-routers"], [], () =>
        hearsAll(roles?.failover) ? [] : listenForRouters(settings),
      ),
      serviceFacts(settings, roles !== undefined),
      clockFacts(),
    ]);
  return {
    node: settings.node,
    cluster: settings.cluster,
    version,
    nodejs: process.versions.node,
    revision: settings.revision,
    daemonRuns: roles !== undefined,
    isRoot: process.geteuid?.() === 0,
    lockedKiB: roles?.failover?.lockedKiB ?? null,
    realTime: roles === undefined ? mayBeRealTime() : (roles.failover?.realTime ?? null),
    lateness: latenessFacts(roles?.failover),
    withheldShare: withheldShare(),
    kernel,
    tools,
    sysctls: sysctlFacts(settings),
    ...links,
    conntrack: {
      count: readNumber("/proc/sys/net/netfilter/nf_conntrack_count"),
      max: readNumber("/proc/sys/net/netfilter/nf_conntrack_max"),
      buckets: readNumber("/proc/sys/net/netfilter/nf_conntrack_buckets"),
    },
    memoryBytes: totalmem(),
    clock,
    probes,
    answers,
    foreignRouters: merged(foreignRouters(roles?.failover), heard),
    routes,
    certificates: certificateFacts(settings),
    disks: [...new Set([settings.stateDirectory, settings.runDirectory])].map(diskFacts),
    programs: programs.map(({ name, pid }) => ({ name, pid })),
    refusals,
    foreignChains: chains,
    automaticHelpers: automaticHelpers(),
    service,
    history: source.history ?? null,
    failures,
  };
}

function latenessFacts(failover: FailoverReport | undefined): NodeFacts["lateness"] {
  if (failover === undefined) return null;
  const late = failover.groups.map(
    ({ view: { counters } }) => counters.lateAsActive + counters.lateAsStandby,
  );
  // One wake-up is late for all groups at once.
  return { times: Math.max(0, ...late), maxMs: failover.lateness.maxMs };
}

/** Of /proc/stat, whose first line is the sum of all processors: proc_stat(5). */
function withheldShare(): number {
  const [, ...ticks] = readFileSync("/proc/stat", "utf8").split("\n", 1).join("").split(/\s+/).map(Number);
  // What guests of this machine have used stands in `user`, too: the last two are left out.
  const all = ticks.slice(0, 8).reduce((sum, one) => sum + one, 0);
  return all === 0 ? 0 : (ticks[7] ?? 0) / all;
}

function foreignRouters(failover: FailoverReport | undefined): NodeFacts["foreignRouters"] {
  return (failover?.groups ?? []).flatMap(({ name, view }) => {
    const router = view.foreignActive;
    if (router === undefined) return [];
    return [{ group: name, interface: router.face, address: router.address, priority: router.priority }];
  });
}

/**
 * A failover role that has understood everything that it has heard of VRRP has heard all routers. One that has not, such as of those
 * that speak another version, only counts; then, and where none runs, somebody must listen.
 */
function hearsAll(failover: FailoverReport | undefined): boolean {
  if (failover === undefined) return false;
  return !failover.groups.some(({ counters }) =>
    Object.entries(counters).some(([name, count]) => name.startsWith("vrrp-") && count > 0),
  );
}

/** The failover role may have heard one that is silent now, for a moment. */
function merged(
  known: NodeFacts["foreignRouters"],
  heard: NodeFacts["foreignRouters"],
): NodeFacts["foreignRouters"] {
  const isKnown = (one: NodeFacts["foreignRouters"][number]) =>
    known.some(({ interface: name, address }) => name === one.interface && address === one.address);
  return [...known, ...heard.filter((one) => !isKnown(one))];
}

function certificateFacts({ keysDirectory, node }: NodeSettings): NodeFacts["certificates"] {
  const none = { nodeEnds: null, authorityEnds: null, authority: null, directory: keysDirectory };
  try {
    const keys = readNodeKeys(keysDirectory, node);
    const authority = new X509Certificate(keys.caCertificate);
    return {
      problem: null,
      nodeEnds: keys.expires.toISOString(),
      authorityEnds: authority.validToDate.toISOString(),
      authority: authority.fingerprint256,
      directory: keysDirectory,
    };
  } catch (error) {
    if (!(error instanceof ProblemError)) throw error;
    const { message, hint = "" } = error.problem;
    return { ...none, problem: { message, hint } };
  }
}

/** Of a folder that is not there yet, that of the folder where it would be made. */
function diskFacts(path: string): NodeFacts["disks"][number] {
  let there = path;
  while (!existsSync(there) && there !== "/") there = dirname(there);
  const { bavail, blocks, bsize } = statfsSync(there);
  return { path, freeBytes: bavail * bsize, totalBytes: blocks * bsize, writable: isWritable(there) };
}

function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

async function serviceFacts({ node }: NodeSettings, runs: boolean): Promise<NodeFacts["service"]> {
  const unit = `tocha@${node}.service`;
  const hasSystemd = existsSync("/run/systemd/system");
  const { out } = hasSystemd
    ? await runLimited("systemctl", ["show", unit, "-p", "LoadState", "-p", "UnitFileState"])
    : { out: "" };
  const said = (key: string) => new RegExp(`^${key}=(.*)$`, "m").exec(out)?.[1] ?? "";
  const runsUnderIt = runs && readFileSync("/proc/self/cgroup", "utf8").includes(unit);
  return { hasSystemd, unit, load: said("LoadState"), enabled: said("UnitFileState"), runsUnderIt };
}

async function clockFacts(): Promise<NodeFacts["clock"]> {
  const synchronised = isClockSynchronised();
  if (synchronised !== undefined) return { synchronised };
  // Under the unit with ProtectClock= the kernel may not be asked.
  const { out } = await runLimited("timedatectl", ["show", "-p", "NTPSynchronized", "--value"]);
  const said = out.trim();
  return { synchronised: said === "yes" ? true : said === "no" ? false : null };
}

const CAP_SYS_NICE = 1n << 23n; // uapi linux/capability.h

/** Whether a process started from here may take real-time priority. */
function mayBeRealTime(): boolean {
  const effective = /^CapEff:\s+([0-9a-f]+)$/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1] ?? "0";
  return (BigInt(`0x${effective}`) & CAP_SYS_NICE) !== 0n;
}
