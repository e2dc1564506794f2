import type { LabStatus } from "../lab-status.ts";
import type { PlayedStep } from "../scenarios/run-scenario.ts";
import type { ProbeReport } from "../traffic/probe-window.ts";
import type { StreamReport } from "../traffic/stream-traffic.ts";
import type { Ink, Screen } from "./screen.ts";

type Paper = Pick<Screen, "paint" | "unicode">;

/** The lab in 80 columns: which node holds the torch, and which has no power; roles once they are known. */
export function picture(
  paper: Paper,
  { active, off = [] }: { active?: string | undefined; off?: readonly string[] } = {},
): string[] {
  const line = paper.unicode ? "─" : "-";
  const [a, b, c, d] = paper.unicode ? ["┬", "┴", "├", "┤"] : ["+", "+", "+", "+"];
  const box = (node: string): string => {
    const standby = active === undefined ? "" : "standby";
    const state = off.includes(node) ? "no power" : node === active ? "active" : standby;
    const ink: Ink = state === "no power" ? "red" : state === "active" ? "green" : "dim";
    const flame = state === "active" ? (paper.unicode ? "●" : "*") : " ";
    return paper.paint(ink, ` ${flame} ${node}  ${state.padEnd(8)} `);
  };
  const arm = line.repeat(9);
  return [
    "       LAN                                                       WAN",
    "                        virtual 10.1.0.1      192.0.2.1",
    "                               fd00:1::1      2001:db8::1",
    `                     ${a}${arm}${box("gw1")}${arm}${a}`,
    `   client ${line.repeat(10)} ${d}${" ".repeat(35)}${c} ${line.repeat(10)} server`,
    `   10.1.0.10         ${b}${arm}${box("gw2")}${arm}${b}           192.0.2.9`,
  ];
}

/** The traffic of the last second, and the longest gap of the period. */
export interface LiveView {
  readonly streams: StreamReport;
  readonly probe: ProbeReport;
  readonly status: LabStatus | undefined;
  /** Worst of the period that goes on. */
  readonly gapMs: number;
  readonly stallMs: number;
}

export function liveLines(paper: Paper, view: LiveView): string[] {
  const { streams, probe } = view;
  const alive = `${streams.survived} of ${streams.connections}`;
  const ink: Ink = streams.survived === streams.connections ? "green" : "yellow";
  return [
    row("TCP streams", [
      paper.paint(ink, `${alive} moving`.padEnd(20)),
      `${megabytes(streams.verifiedBytes)} verified`.padEnd(20),
      `lost ${paint(paper, streams.brokenEver)}  wrong ${paint(paper, streams.corrupted)}`,
    ]),
    row("UDP 1 kHz", [
      `${probe.answered} of ${probe.sent} back`.padEnd(20),
      `longest gap ${milliseconds(view.gapMs)}`.padEnd(20),
      `TCP stall ${milliseconds(view.stallMs)}`,
    ]),
    ...nodeLines(paper, view.status),
  ];
}

function nodeLines(paper: Paper, status: LabStatus | undefined): string[] {
  return (status?.nodes ?? []).map((node) => {
    const said = status?.cluster?.nodes.find((one) => one.name === node.name);
    const role = node.power === "off" ? "no power" : (node.role ?? (node.pid === null ? "dead" : "starting"));
    const ink: Ink = role === "active" ? "green" : role === "standby" ? "cyan" : "red";
    const flows = said?.reachable === true && node.power === "on" ? `${said.flows} flows` : "";
    const holds = node.holds.map((address) => address.split("/")[0]).join(" ");
    const cut = node.cut.length > 0 ? paper.paint("red", `cut: ${node.cut.join(" ")}`) : "";
    return row(node.name, [paper.paint(ink, role.padEnd(9)), flows.padEnd(11), holds, cut]);
  });
}

export function verdictLines(
  paper: Paper,
  played: PlayedStep,
  about: { ipv6Connections: number; addresses: readonly string[]; failures: readonly string[] },
): string[] {
  const { streams, phase } = played;
  const well = about.failures.length === 0;
  const head = well
    ? paper.paint("green", paper.paint("bold", "Nothing was lost."))
    : paper.paint("red", paper.paint("bold", "A promise was not kept."));
  const takeover = phase.takeoverMs === null ? "nobody took over" : milliseconds(phase.takeoverMs);
  const bare = about.addresses.map((address) => address.split("/")[0] ?? "");
  return [
    `  ${head}`,
    ...about.failures.map((failure) => `  ${paper.paint("red", failure)}`),
    "",
    row("connections", [
      `${streams.survived} of ${streams.connections} TCP connections alive,`,
      `${about.ipv6Connections} of them IPv6`,
    ]),
    row("bytes", [
      `${megabytes(streams.verifiedBytes)} checked one by one, ${streams.corrupted} streams wrong`,
    ]),
    row("NAT", [`${streams.portsChanged} connections had been given another port: kept, too`]),
    row("longest gap", [
      `${milliseconds(phase.udpGapMs)} in the 1 kHz probe (${phase.udpLost} probes without an answer)`,
    ]),
    row("takeover", [`${takeover} until all addresses were on the other node`]),
    row(phase.activeAfter ?? "nobody", [`holds ${bare.slice(0, 2).join(" ")}`]),
    ...(bare.length > 2 ? [row("", [`      ${bare.slice(2).join(" ")}`])] : []),
  ];
}

/** @param nodes the one whose power was cut, and the one that has taken over */
export function hintLines(
  paper: Paper,
  lab: string,
  nodes: { readonly dead: string; readonly active: string },
): string[] {
  const name = lab === "tocha" ? "" : ` --name ${lab}`;
  const which = lab === "tocha" ? "" : ` --lab ${lab}`;
  const width = `bin/tocha lab power-off gw1${name}`.length + 2;
  const hint = (command: string, what: string) =>
    `    ${paper.paint("cyan", command.padEnd(width))} ${paper.paint("dim", what)}`;
  return [
    "  It goes on. Play, in another terminal, in this folder:",
    hint(`bin/tocha status${which}`, "how the cluster is"),
    hint(`bin/tocha lab power-on ${nodes.dead}${name}`, "boot the dead node again"),
    hint(`bin/tocha switchover${which}`, "hand over, as planned, once it is ready"),
    hint(
      `bin/tocha lab power-off ${nodes.active}${name}`,
      `or crash, cut ${nodes.active}-lan, mend ${nodes.active}-lan`,
    ),
    paper.paint("dim", "  Ctrl-C ends it and removes everything."),
  ];
}

function row(label: string, parts: readonly string[]): string {
  return `  ${label.padEnd(12)} ${parts.filter((part) => part !== "").join(" ")}`.trimEnd();
}

function paint(paper: Paper, bad: number): string {
  return bad === 0 ? "0" : paper.paint("red", String(bad));
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

export function milliseconds(value: number): string {
  return `${value < 100 ? value.toFixed(1) : Math.round(value)} ms`;
}
