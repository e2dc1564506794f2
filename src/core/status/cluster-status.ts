import {
  type ClusterStatus,
  type NodeStatus,
  nodeInGroup,
  type StatusProblem,
} from "../../contract/status.ts";
import { arbiterProblems } from "./arbiter-problems.ts";
import { configProblems, TAKEN_BACK } from "./config-problems.ts";
import { foreignActive, foreignActiveProblem, foreignActiveWords } from "./foreign-active.ts";
import { healthProblems } from "./health-problems.ts";
import { keyProblems } from "./key-problems.ts";
import { pathProblems } from "./path-problems.ts";
import { processProblems } from "./process-problems.ts";

export interface ClusterStatusSource {
  readonly cluster: string;
  /** The names of the document's groups. */
  readonly groups: readonly string[];
  readonly asOf: string;
  readonly revision: string;
  readonly nodes: readonly NodeStatus[];
  /** By group, the node, or the address of the foreign router, that this node hears as active; undefined when it hears none. */
  readonly heardActive: Readonly<Record<string, string | undefined>>;
  /** What nodes reported about themselves. */
  readonly reported: readonly StatusProblem[];
}

/** Lag below this is the pace of the work, not a problem. */
const LAG_MS_MAX = 1_000;
/** A table with so much of its room taken is about to refuse connections. */
const TABLE_FULL_SHARE = 0.95;

/** What the nodes say about one group. */
interface GroupView {
  readonly name: string;
  /** Undefined where there is not exactly one. */
  readonly activeNode: string | undefined;
  readonly isDown: boolean;
  readonly actives: readonly NodeStatus[];
  readonly nodes: readonly NodeStatus[];
  /** The node that is heard to be active, where none says so. */
  readonly heard: string | undefined;
  /** The same of a router that is no node of the cluster. */
  readonly foreign: string | undefined;
  readonly activeProblems: readonly StatusProblem[];
  readonly protectionProblems: readonly StatusProblem[];
}

/** Composes what the nodes say into one answer: a verdict, a sentence, and every problem with what helps. */
export function composeClusterStatus(source: ClusterStatusSource): ClusterStatus {
  const groups = source.groups.map((name) => viewGroup(source, name));
  const problems = [
    ...source.reported,
    ...groups.flatMap(({ activeProblems }) => activeProblems),
    ...source.nodes.flatMap((node) => nodeProblems(node, source)),
    ...pathProblems(source.nodes),
    ...arbiterProblems(source.nodes),
    ...configProblems(source.nodes, source.revision),
    ...keyProblems(source.nodes, source.asOf),
    ...groups.flatMap(({ protectionProblems }) => protectionProblems),
  ];
  const ok = problems.every(({ code }) => code === TAKEN_BACK);
  const verdict = groups.some(({ isDown }) => isDown) ? "down" : ok ? "ok" : "degraded";
  const [first] = groups;
  const common = groups.every(({ activeNode }) => activeNode === first?.activeNode);
  return {
    cluster: source.cluster,
    groups: groups.map(({ name, activeNode }) => ({ name, activeNode: activeNode ?? null })),
    group: first?.name ?? "",
    verdict,
    summary: summarizeAll(groups, ok),
    activeNode: common ? (first?.activeNode ?? null) : null,
    asOf: source.asOf,
    revision: source.revision,
    nodes: [...source.nodes],
    problems,
  };
}

function viewGroup(source: ClusterStatusSource, name: string): GroupView {
  const nodes = source.nodes.map((node) => nodeInGroup(node, name));
  const actives = nodes.filter(({ role }) => role === "active");
  // A node that cannot be asked may serve all the same: its advertisements say so.
  const heard = actives.length === 0 ? source.heardActive[name] : undefined;
  const foreign = foreignActive(heard, nodes);
  const ofActives = heard === undefined ? activeProblems(actives) : [];
  // With one group its name says nothing.
  const named = (problem: StatusProblem): StatusProblem =>
    source.groups.length === 1 ? problem : { ...problem, message: `group ${name}: ${problem.message}` };
  return {
    ...{ name, nodes, actives, foreign, heard: foreign === undefined ? heard : undefined },
    activeNode: actives.length > 1 ? undefined : (actives[0]?.name ?? heard),
    isDown: actives.length === 0 && heard === undefined && !nodes.some(cannotSay),
    activeProblems: (foreign === undefined ? ofActives : [foreignActiveProblem(foreign)]).map(named),
    protectionProblems: protectionProblems(nodes, actives).map(named),
  };
}

function summarizeAll(groups: readonly GroupView[], ok: boolean): string {
  const [first, ...others] = groups;
  if (first === undefined) return "there is no group";
  if (others.length === 0) return summarize(first, ok);
  if (!ok) return groups.map((group) => `${group.name}: ${summarize(group, true)}`).join("; ");
  const places = groups.map(({ name, activeNode }) => `${name} is active on ${activeNode}`);
  return `${places.join(", ")}; every other node is ready with every connection`;
}

function summarize({ actives, nodes, heard, foreign }: GroupView, ok: boolean): string {
  if (foreign !== undefined) return `${foreignActiveWords(foreign)}: no node holds its connections`;
  if (heard !== undefined) return `${heard} is heard to be active, but does not answer over the sync network`;
  const names = actives.map(({ name }) => name).join(" and ");
  if (actives.length === 0) {
    const mute = nodes.filter(cannotSay).map(({ name }) => name);
    if (mute.length > 0) return `no node says that it is active, and ${mute.join(" and ")} cannot say`;
    return "no node is active: nobody holds the virtual addresses";
  }
  if (actives.length > 1) return `${names} are active at the same time`;
  const standbys = nodes.filter(
    ({ role, replication, maintenance }) =>
      role === "standby" && replication.complete && maintenance === undefined,
  );
  if (nodes.length === 1) return `${names} is active, and the only node: nothing is protected`;
  const aside = nodes.filter((node) => node.maintenance !== undefined && node.role === "standby");
  if (standbys.length === 0 && aside.length > 0)
    return `${names} is active, and only ${aside.map(({ name }) => name).join(" and ")} could take over, which is set aside`;
  if (standbys.length === 0) return `${names} is active, and no standby could take over its connections`;
  const standbyNames = standbys.map(({ name }) => name).join(" and ");
  const ready = `${names} is active, ${standbyNames} ${standbys.length === 1 ? "is" : "are"} ready with every connection`;
  return ok ? ready : `${ready}, but something needs attention`;
}

/** Its processes cannot ask each other while the supervisor hangs; the failover role works on, active or not. */
function cannotSay({ reachable, processes }: NodeStatus): boolean {
  return reachable && processes.length === 0;
}

function activeProblems(actives: readonly NodeStatus[]): StatusProblem[] {
  if (actives.length === 1) return [];
  if (actives.length === 0) {
    return [
      {
        severity: "error",
        code: "no-active-node",
        message: "no node that can be asked is active",
        hint: "tocha status -o json gives the cause of each node's role; the log of tocha run says more.",
      },
    ];
  }
  return [
    {
      severity: "error",
      code: "several-active-nodes",
      message: `${actives.map(({ name }) => name).join(" and ")} hold the virtual addresses at the same time`,
      hint: "They do not hear each other: check the links between them, with `ip link` and `ping` on each path.",
    },
  ];
}

function nodeProblems(node: NodeStatus, source: ClusterStatusSource): StatusProblem[] {
  const problem = (
    severity: StatusProblem["severity"],
    code: string,
    message: string,
    hint: string,
  ): StatusProblem => ({ severity, node: node.name, code, message, hint });
  if (!node.reachable) {
    // It answers, and refuses: that is told as what it is.
    if (source.nodes.some(({ config }) => config?.refusedBy?.some((other) => other.node === node.name)))
      return [];
    const hint = `Is ${node.name} switched on, does tocha run there, and is the sync link whole? On this node: ip -brief link; on ${node.name}: tocha run --config cluster.yaml --node ${node.name}`;
    return [problem("error", "node-unreachable", `${node.name} does not answer over the sync network`, hint)];
  }
  const problems: StatusProblem[] = [];
  for (const face of node.interfaces) {
    if (face.up) continue;
    const message = `interface ${face.name} (${face.device}) of ${node.name} has no carrier or is down`;
    problems.push(
      problem(
        "error",
        "interface-down",
        message,
        `On ${node.name}: ip link show ${face.device}; check cable and switch.`,
      ),
    );
  }
  for (const { name, missingAddresses = [] } of node.groups) {
    if (missingAddresses.length === 0) continue;
    const which = node.groups.length > 1 ? ` for ${name}` : "";
    const message = `${node.name} is active${which}, and its kernel does not have ${missingAddresses.join(", ")}`;
    const hint = `It is tried again four times a second. Their device is gone, or the kernel refuses them, and the log of tocha run on ${node.name} says why. On ${node.name}: ip address; sysctl net.ipv6.conf.all.disable_ipv6`;
    problems.push(problem("error", "addresses-missing", message, hint));
  }
  // A limit of 0 is none (nf_conntrack-sysctl.rst).
  if (node.flowsMax > 0 && node.flows >= TABLE_FULL_SHARE * node.flowsMax) {
    const message = `the connection table of ${node.name} is full, or nearly so: ${node.flows} of ${node.flowsMax}`;
    const hint = `On ${node.name}: sysctl -w net.netfilter.nf_conntrack_max=${2 * node.flowsMax} (about 400 bytes of memory each); who has so many: tocha connections top`;
    problems.push(problem("error", "table-full", message, hint));
  }
  const { notProtected } = node.replication;
  if (notProtected !== undefined && notProtected > 0) {
    const byGroup = Object.entries(node.replication.notProtectedByGroup ?? {}).filter(
      ([, count]) => count > 0,
    );
    const groups = byGroup.map(([name, count]) => `${name === "" ? "no group" : name} ${count}`).join(", ");
    // With one group its name says nothing.
    const which = node.groups.length > 1 && groups !== "" ? ` (${groups})` : "";
    const message = `the kernel of ${node.name} refused ${notProtected} connections${which} since the tables were last compared: they would not survive a takeover`;
    const hint = `tocha status -o json says by which error; for ENOMEM, on ${node.name}: sysctl net.netfilter.nf_conntrack_max net.netfilter.nf_conntrack_count. They are sent again with the next comparison.`;
    problems.push(problem("error", "not-protected", message, hint));
  }
  for (const stream of node.replication.streams) {
    if (stream.direction !== "to") continue;
    const peer = source.nodes.find(({ name }) => name === stream.peer);
    if (!stream.connected && node.role === "active" && peer?.reachable === true) {
      const message = `${node.name} has no stream of connections to ${stream.peer} (${stream.state})`;
      const hint = `It is tried again every second. If this stays, see the log of tocha run on ${node.name} and ${stream.peer}`;
      problems.push(problem("error", "stream-down", message, hint));
    }
    if (stream.lagMs !== null && stream.lagMs > LAG_MS_MAX) {
      const message = `connections reach ${stream.peer} ${Math.round(stream.lagMs)} ms late (${stream.lagRecords} records)`;
      problems.push(
        problem(
          "warning",
          "replication-lags",
          message,
          `Check load and sync link: ping ${stream.peer}; top on both.`,
        ),
      );
    }
  }
  problems.push(...healthProblems(node));
  const refused = node.replication.streams.flatMap(({ refused: counts }) => Object.entries(counts));
  for (const [what, count] of refused) {
    // Connections that could not be created are a problem until a comparison has made up for them: not-protected.
    if (what.startsWith("create ") && notProtected !== undefined) continue;
    const message = `the kernel of ${node.name} refused ${count} records (${what})`;
    problems.push(
      problem(
        "warning",
        "records-refused",
        message,
        `On ${node.name}: sysctl net.netfilter.nf_conntrack_max net.netfilter.nf_conntrack_count`,
      ),
    );
  }
  problems.push(...processProblems(node));
  if (node.processes.some(({ role, realTime }) => role === "failover" && realTime === false)) {
    const message = `the failover role of ${node.name} has no real-time priority`;
    problems.push(problem("warning", "no-real-time", message, "Run tocha as root, or with CAP_SYS_NICE."));
  }
  return problems;
}

/** Every other node should be able to take over; one that is not reachable is reported as that. */
function protectionProblems(nodes: readonly NodeStatus[], actives: readonly NodeStatus[]): StatusProblem[] {
  if (actives.length !== 1) return [];
  const others = nodes.filter((node) => node.reachable && node.role !== "active");
  return others.flatMap((node): StatusProblem[] => {
    if (node.role !== "standby") {
      const message = `${node.name} could not take over: ${node.cause}`;
      const hint = `If this stays for more than a few seconds, see the log of tocha run on ${node.name}`;
      return [{ severity: "error", node: node.name, code: "not-ready", message, hint }];
    }
    if (node.replication.complete) return [];
    const message = `${node.name} does not hold all connections yet`;
    const hint =
      "It copies them now; if this stays for more than a minute: tocha status -o json, and the log of both nodes.";
    return [{ severity: "error", node: node.name, code: "table-incomplete", message, hint }];
  });
}
