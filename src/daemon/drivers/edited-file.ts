import { readFileSync } from "node:fs";
import { dirname } from "node:path";
import { withFileCopies } from "../../contract/file-copies.ts";
import { documentFiles } from "../../keys/document-files.ts";
import { writeDurably } from "../../store/durable-file.ts";
import type { NodeSettings } from "../node-settings.ts";

// The file that people edit, and that the node was started with.

/**
 * It follows what applies, unless somebody has changed it meanwhile.
 *
 * @returns why it stays as it is, when that is for want of a right or the like
 */
export function followDocument(
  { configFile }: NodeSettings,
  before: string | null,
  text: string,
): string | undefined {
  try {
    const now = readFileSync(configFile, "utf8");
    if (now === text || (before !== null && now !== before)) return undefined;
    writeDurably(configFile, text, 0o644);
    return undefined;
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return `${configFile} stays as it is, it cannot be written: ${why}`;
  }
}

/** @returns its path where it, with what it names, says something else than what was applied */
export function differingFile(
  { configFile, document }: NodeSettings,
  applied: string | undefined,
): string | null {
  if (applied === undefined) return null;
  try {
    const text = withFileCopies(
      readFileSync(configFile, "utf8"),
      document,
      documentFiles(dirname(configFile)),
    );
    return text === applied ? null : configFile;
  } catch {
    return null;
  }
}
