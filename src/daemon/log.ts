import { fstatSync } from "node:fs";
import { LogOutput } from "./log-output.ts";
import type { LogLevel, RoleName } from "./role-message.ts";

/** Syslog severities (RFC 5424 6.2.1), as journald reads them at the beginning of a line (sd-daemon(3)). */
const severity = { error: 3, warning: 4, info: 6, debug: 7 } as const satisfies Record<LogLevel, number>;

/** One line a message on standard output: for journald with its severity, otherwise with a time stamp. Never waits. */
export class Log {
  readonly #node: string;
  readonly #isFixed: boolean;
  #most: number;
  readonly #journald = isJournal(1);
  readonly #output: LogOutput;

  /** @param fixed the level that the command line says: the document's does not count then */
  constructor(
    node: string,
    { fixed, level }: { readonly fixed: LogLevel | undefined; readonly level: LogLevel },
  ) {
    this.#node = node;
    this.#isFixed = fixed !== undefined;
    this.#most = severity[fixed ?? level];
    this.#output = new LogOutput((count) =>
      this.#line(
        "supervisor",
        "warning",
        `${count} lines of this log were dropped: nobody read them in time`,
      ),
    );
  }

  /** The document says another level now. */
  follow(level: LogLevel): void {
    if (!this.#isFixed) this.#most = severity[level];
  }

  /** Lines that were given up because nobody read them in time. */
  get dropped(): number {
    return this.#output.dropped;
  }

  write(role: RoleName, level: LogLevel, text: string): void {
    if (severity[level] <= this.#most) this.#output.push(this.#line(role, level, text));
  }

  #line(role: RoleName, level: LogLevel, text: string): string {
    const body = text.replaceAll("\n", " ");
    return this.#journald
      ? `<${severity[level]}>${role}: ${body}\n`
      : `${new Date().toISOString()} ${this.#node} ${role} ${level}: ${body}\n`;
  }
}

/** JOURNAL_STREAM alone does not say it: a shell in a journal's terminal has it, too (systemd.exec(5)). */
function isJournal(fd: number): boolean {
  const stream = process.env["JOURNAL_STREAM"];
  if (stream === undefined) return false;
  const { dev, ino } = fstatSync(fd, { bigint: true });
  return stream === `${dev}:${ino}`;
}

export function isLogLevel(text: string): text is LogLevel {
  return text in severity;
}
