import { formatDurationMs } from "../base/duration.ts";
import {
  type FailoverHistory,
  gapUs,
  type HistoryEntry,
  type HistoryItem,
  lastHeardUs,
  type TransitionStamp,
  takeoverUs,
} from "../contract/failover-history.ts";
import { type Cell, tableLines } from "./table.ts";
import { indent, type Paper, wrap } from "./terminal.ts";

/** Narrower than this a column of sentences is no use: it is as wide as it must be then. */
const CAUSE_WIDTH_MIN = 24;

/** Changes of role, one row each; made for 80 columns. */
export function historyText({ entries, unreachable }: FailoverHistory, paper: Paper): string {
  if (entries.length === 0) return `No change of role is remembered.\n${missingText(unreachable, paper)}`;
  const several = new Set(entries.map(({ group }) => group)).size > 1;
  const titles = [
    { title: "ID" },
    { title: "TIME (UTC)" },
    ...(several ? [{ title: "GROUP" }] : []),
    { title: "CHANGE" },
    { title: "GAP", right: true },
  ];
  const rows = entries.map((entry): string[] => [
    entry.id,
    clockText(entry.at),
    ...(several ? [entry.group] : []),
    `${entry.from} > ${entry.to}`,
    gapText(entry),
  ]);
  const used = titles.reduce((sum, { title }, column) => {
    return sum + 2 + Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0));
  }, 0);
  const width = Math.max(CAUSE_WIDTH_MIN, paper.width - used);
  const cells = rows.map((row, index): Cell[] => [
    ...row.map((text) => [text]),
    wrap(entries[index]?.cause ?? "", width),
  ]);
  const lines = tableLines([...titles, { title: "CAUSE" }], cells, (text, row, column) => {
    if (row < 0) return paper.paint("dim", text);
    return column === titles.length - 2 && text.endsWith("active") ? paper.paint("green", text) : text;
  });
  return `${lines.map((line) => `${line}\n`).join("")}${missingText(unreachable, paper)}`;
}

/** 08-01 10:00:00.123: the year is rarely the question, and `-o json` has it. */
function clockText(at: string): string {
  return at.replace("T", " ").replace("Z", "").slice(5);
}

function gapText(entry: HistoryEntry): string {
  const gap = gapUs(entry);
  return gap === undefined ? "-" : formatDurationMs(gap / 1_000);
}

function missingText(unreachable: readonly string[], paper: Paper): string {
  if (unreachable.length === 0) return "";
  const what = unreachable.length === 1 ? "what it remembers is missing" : "what they remember is missing";
  const text = `${unreachable.join(", ")} did not answer: ${what}.`;
  return `${paper.paint("yellow", "!")} ${text}\n`;
}

export interface PicturePaper extends Paper {
  /** Whether lines and dots can be drawn. */
  readonly unicode: boolean;
}

/** One change of role with its evidence and a picture of its time. */
export function historyItemText({ entry, related, unreachable }: HistoryItem, paper: PicturePaper): string {
  const { id, node, group, from, to, cause, at } = entry;
  return [
    `${paper.paint("bold", id)}  ${node}: ${from} > ${paper.paint(to === "active" ? "green" : "cyan", to)} in group ${group}, ${at}\n`,
    indent(wrap(`${cause}.`, paper.width), ""),
    `\n${timelineText(entry, paper)}`,
    `\n${evidenceText(entry, paper)}`,
    figuresText(entry, paper),
    ...related.map((other) => relatedText(other, entry, paper)),
    missingText(unreachable, paper),
  ].join("");
}

const BAR_WIDTH_MIN = 12;
const BAR_WIDTH_MAX = 48;

/** One line a stamp: its time, the time since the stamp before it, a bar from the stamp before it to this one, and what it is. */
export function timelineText(entry: HistoryEntry, paper: PicturePaper): string {
  const stamps = [...entry.stamps].sort((a, b) => a.atUs - b.atUs);
  const [first] = stamps;
  const last = stamps.at(-1);
  if (first === undefined || last === undefined) return "";
  // A takeover is counted from the last sign of the old active, everything else from the first thing that is known.
  const zeroUs = lastHeardUs(entry) ?? first.atUs;
  const words = stamps.map((stamp) => stampWords(stamp, entry));
  const times = aligned(stamps.map(({ atUs }) => millisecondsText(atUs - zeroUs)));
  const steps = aligned(
    stamps.map(({ atUs }, index) => {
      const before = stamps[index - 1]?.atUs;
      return before === undefined ? "" : `+${millisecondsText(atUs - before)}`;
    }),
  );
  const used = 2 + (times[0]?.length ?? 0) + 2 + (steps[0]?.length ?? 0) + 6 + widest(words);
  const width = Math.min(BAR_WIDTH_MAX, Math.max(BAR_WIDTH_MIN, paper.width - used));
  const spanUs = Math.max(1, last.atUs - first.atUs);
  const place = (atUs: number) => Math.round(((atUs - first.atUs) / spanUs) * (width - 1));
  const lines = stamps.map((stamp, index) => {
    const from = place(stamps[index - 1]?.atUs ?? first.atUs);
    const bar = barText({ from, to: place(stamp.atUs), width }, stamp, paper);
    return `  ${times[index]}  ${paper.paint("dim", steps[index] ?? "")}  ${bar}  ${words[index]}\n`;
  });
  return lines.join("");
}

function widest(texts: readonly string[]): number {
  return Math.max(...texts.map((text) => text.length));
}

function aligned(texts: readonly string[]): string[] {
  const width = widest(texts);
  return texts.map((text) => text.padStart(width));
}

function barText(
  { from, to, width }: { readonly from: number; readonly to: number; readonly width: number },
  { what }: TransitionStamp,
  paper: PicturePaper,
): string {
  const [line, dot, edge] = paper.unicode ? ["─", "●", "│"] : ["-", "*", "|"];
  const style = what === "heard" ? "cyan" : what === "first-packet" ? "green" : "yellow";
  const drawn = line.repeat(to - from) + paper.paint(style, dot);
  return (
    paper.paint("dim", edge) +
    " ".repeat(from) +
    drawn +
    " ".repeat(width - 1 - to) +
    paper.paint("dim", edge)
  );
}

function stampWords({ what, path }: TransitionStamp, { other, evidence }: HistoryEntry): string {
  const by = path === undefined ? "" : ` on ${path}`;
  switch (what) {
    case "heard":
      return `${other ?? "the active"} was heard last${by}`;
    case "due":
      return "its time was up";
    case "noticed":
      return evidence.lateMs >= 1 ? `noticed, ${formatDurationMs(evidence.lateMs)} late` : "noticed";
    case "drain-asked":
      return "the standby is brought up to date";
    case "drained":
      return "the standby has everything";
    case "decided":
      return "decided";
    case "removed":
      return "addresses removed";
    case "addresses":
      return "addresses in the kernel";
    case "announced":
      return "addresses announced";
    case "advertised":
      return "advertisements sent";
    case "pulsed":
      return "pulses sent";
    case "told":
      return "replicator and control told";
    case "first-packet":
      return `first packet forwarded${path === undefined ? "" : `, by ${path}`}`;
    default:
      return what + by;
  }
}

/** 12.345ms: with microseconds. */
function millisecondsText(us: number): string {
  return `${(us / 1_000).toFixed(3)}ms`;
}

function evidenceText({ evidence }: HistoryEntry, paper: Paper): string {
  const { priority, effectivePriority, gatewayReady, tableComplete, interfaces, peers } = evidence;
  const own = [
    effectivePriority === priority
      ? `priority ${priority}`
      : `priority ${effectivePriority} instead of ${priority}`,
    gatewayReady ? "rules in place" : "rules not in place",
    tableComplete ? "every connection" : "not every connection",
    interfaces.map(({ name, up }) => `${name} ${up ? "up" : "down"}`).join(", "),
  ];
  const sentences = peers.map((peer) => {
    if (peer.role === null) return `${peer.name}: never heard`;
    const paths = peer.paths.map(({ name, silentMs }) =>
      silentMs === null ? `${name} never` : `${name} ${formatDurationMs(silentMs)}`,
    );
    const table = peer.tableComplete ? "every connection" : "not every connection";
    return `${peer.name}: ${peer.role}, priority ${peer.priority ?? "?"}, ${table}; silent for: ${paths.join(", ")}`;
  });
  const lines = [`this node: ${own.join("; ")}`, ...sentences].flatMap((text) => {
    const [first = "", ...rest] = wrap(text, paper.width - 4);
    return [`  ${first}`, ...rest.map((line) => `    ${line}`)];
  });
  return `${paper.paint("bold", "What was known")}\n${lines.map((line) => `${line}\n`).join("")}`;
}

function figuresText(entry: HistoryEntry, paper: Paper): string {
  const [takeover, gap] = [takeoverUs(entry), gapUs(entry)];
  const sentences = [
    ...(takeover === undefined
      ? []
      : [
          `Takeover: ${millisecondsText(takeover)} from the last sign of ${entry.other ?? "the active"} to the announcements.`,
        ]),
    ...(gap === undefined
      ? []
      : [`Gap: ${millisecondsText(gap)} to the first packet that was forwarded: no outage was longer.`]),
  ];
  return indent(
    sentences.flatMap((sentence) => wrap(sentence, paper.width)),
    "",
  );
}

function relatedText(other: HistoryEntry, { at }: HistoryEntry, paper: Paper): string {
  const differenceMs = Date.parse(other.at) - Date.parse(at);
  const when = `${formatDurationMs(Math.abs(differenceMs))} ${differenceMs < 0 ? "before" : "after"}, by its own clock`;
  const text = `${other.id}  ${other.node}: ${other.from} > ${other.to} (${when}): ${other.cause}`;
  const [first = "", ...rest] = wrap(text, paper.width - 6);
  return `${paper.paint("dim", "also")}  ${first}\n${indent(rest, "      ")}`;
}
