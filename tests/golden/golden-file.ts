import { readFileSync } from "node:fs";

/** One captured message. */
export interface GoldenMessage {
  readonly bytes: Uint8Array;
  /** What the bytes mean, as another program printed it, or the capture script's own remark. */
  readonly note: string;
}

/**
 * Reads a file of captured bytes: `[name]`, remarks after `#`, hexadecimal digits. The head of the file says which kernel
 * and which command they come from; tests/golden/capture.ts writes such files.
 */
export function readGolden(name: string): ReadonlyMap<string, GoldenMessage> {
  const messages = new Map<string, GoldenMessage>();
  const text = readFileSync(new URL(`${name}.hex`, import.meta.url), "utf8");
  for (const section of text.split(/^\[/m).slice(1)) {
    const [heading = "", ...lines] = section.split("\n");
    const note = lines.filter((line) => line.startsWith("# ")).map((line) => line.slice(2));
    const digits = lines.filter((line) => !line.startsWith("#")).join("");
    messages.set(heading.replace("]", ""), {
      bytes: Uint8Array.from(Buffer.from(digits.replace(/\s/g, ""), "hex")),
      note: note.join("\n"),
    });
  }
  return messages;
}

/** The bytes of one captured message; a name that is not in the file fails the test. */
export function goldenBytes(file: ReadonlyMap<string, GoldenMessage>, name: string): Uint8Array {
  const message = file.get(name);
  if (message === undefined) throw new Error(`no captured message is named ${name}`);
  return message.bytes;
}

export function renderGolden(head: readonly string[], messages: ReadonlyMap<string, GoldenMessage>): string {
  const sections = [...messages].map(([name, { bytes, note }]) => {
    const remarks = note === "" ? [] : note.split("\n").map((line) => `# ${line}`);
    return [`[${name}]`, ...remarks, ...hexLines(bytes)].join("\n");
  });
  return `${head.map((line) => `# ${line}`).join("\n")}\n\n${sections.join("\n\n")}\n`;
}

function hexLines(bytes: Uint8Array): string[] {
  const lines: string[] = [];
  for (let start = 0; start < bytes.length; start += 32) {
    const digits = Buffer.from(bytes.subarray(start, start + 32)).toString("hex");
    lines.push(digits.match(/.{1,8}/g)?.join(" ") ?? "");
  }
  return lines;
}
