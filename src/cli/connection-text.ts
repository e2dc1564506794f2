import { formatDurationMs } from "../base/duration.ts";
import type { Connection } from "../contract/connections.ts";
import type { Paper } from "./terminal.ts";

const titles = [
  "PROTO",
  "STATE",
  "SOURCE",
  "   DESTINATION",
  "TRANSLATED",
  "EXPIRES",
  "MIRRORED",
  "",
] as const;
/** Columns whose texts stand to the right. */
const right: ReadonlySet<number> = new Set([5]);
/** What IPv4 connections need at most. */
const usualWidths = [5, 11, 21, 24, 21, 7, 8, 0] as const;
/** Connections whose widths are looked at before the first line is printed. */
const SAMPLE = 256;

/**
 * Connections as lines of a table that has no end: the first ones set the widths of the columns, and a longer text later
 * on makes its column wider from there.
 */
export class ConnectionLines {
  readonly #paper: Paper;
  readonly #widths: number[] = titles.map((title) => title.length);
  #held: string[][] = [];
  #begun = false;

  constructor(paper: Paper) {
    this.#paper = paper;
  }

  /** @returns what can be printed now; the first ones are held back until `flush` `end`, or until there are enough */
  add(connection: Connection): string {
    const cells = cellsOf(connection);
    for (const [column, text] of cells.entries()) {
      if (text.length > (this.#widths[column] ?? 0)) this.#widths[column] = text.length;
    }
    if (this.#begun) return this.#line(cells);
    this.#held.push(cells);
    return this.#held.length < SAMPLE ? "" : this.flush();
  }

  /** @returns what was held back; more will follow */
  flush(): string {
    if (this.#held.length < SAMPLE) {
      // These few may say little about those to come.
      for (const [column, width] of usualWidths.entries())
        this.#widths[column] = Math.max(width, this.#widths[column] ?? 0);
    }
    return this.end();
  }

  /** @returns what was held back; that was all */
  end(): string {
    const lines = this.#held.map((cells) => this.#line(cells));
    this.#held = [];
    if (this.#begun || lines.length === 0) return lines.join("");
    this.#begun = true;
    return `${this.#paper.paint("dim", this.#line(titles).trimEnd())}\n${lines.join("")}`;
  }

  #line(cells: readonly string[]): string {
    let line = "";
    for (const [column, text] of cells.entries()) {
      const width = this.#widths[column] ?? 0;
      line += `${right.has(column) ? text.padStart(width) : text.padEnd(width)}  `;
    }
    return `${line.trimEnd()}\n`;
  }
}

function cellsOf(connection: Connection): string[] {
  const { protocol, state, timeoutSeconds, mirrored, mark, zone } = connection;
  const notes = [
    ...(mark === undefined ? [] : [`mark 0x${mark.toString(16)}`]),
    ...(zone === undefined ? [] : [`zone ${zone}`]),
  ];
  return [
    protocol,
    state,
    endText(connection.source, connection.sourcePort),
    `-> ${endText(connection.destination, connection.destinationPort)}${icmpText(connection)}`,
    translationText(connection),
    formatDurationMs(timeoutSeconds * 1_000),
    mirrored ? "yes" : "no",
    notes.join(" "),
  ];
}

/** `192.0.2.1:443`, `[2001:db8::1]:443`. */
function endText(address: string, port: number | undefined): string {
  if (port === undefined) return address;
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}

function icmpText({ icmpId, icmpType }: Connection): string {
  return icmpId === undefined ? "" : ` type ${icmpType} id ${icmpId}`;
}

/** What the source is turned into; after an arrow, what the destination is turned into. */
function translationText(connection: Connection): string {
  const { translatedSource, translatedSourcePort, translatedDestination, translatedDestinationPort } =
    connection;
  const id = connection.translatedIcmpId === undefined ? "" : ` id ${connection.translatedIcmpId}`;
  const parts = [
    ...(translatedSource === undefined ? [] : [`${endText(translatedSource, translatedSourcePort)}${id}`]),
    ...(translatedDestination === undefined
      ? []
      : [`-> ${endText(translatedDestination, translatedDestinationPort)}`]),
  ];
  return parts.length === 0 ? "-" : parts.join(" ");
}
