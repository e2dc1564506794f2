import { readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import * as z from "zod";
import { differenceFromRuleset, type KernelTable } from "../../core/ruleset/kernel-tables.ts";
import type { Ruleset } from "../../core/ruleset/ruleset.ts";
import { kernelIdentity } from "../kernel-identity.ts";

const texts = z.array(z.string()).readonly();

const rulesetSchema = z.object({
  tables: z
    .array(
      z.object({
        family: z.enum(["inet", "arp"]),
        name: z.string(),
        objects: z
          .array(z.object({ kind: z.enum(["ct helper", "limit", "counter"]), name: z.string(), body: texts }))
          .readonly(),
        sets: z
          .array(z.object({ kind: z.enum(["set", "map"]), name: z.string(), header: texts, elements: texts }))
          .readonly(),
        chains: z
          .array(
            z.object({
              name: z.string(),
              // JSON has no undefined.
              hook: z.string().optional(),
              rules: z
                .array(z.object({ match: z.string(), verdict: z.string(), comment: z.string() }))
                .readonly(),
            }),
          )
          .readonly(),
      }),
    )
    .readonly(),
});

const numbered = { name: z.string(), handle: z.number() };

const kernelSchema = z
  .array(
    z.object({
      ...{ family: z.string(), flags: z.string(), ...numbered },
      objects: z.array(z.object({ kind: z.string(), ...numbered })).readonly(),
      sets: z
        .array(z.object({ ...numbered, elements: z.number().optional(), digest: z.number() }))
        .readonly(),
      chains: z
        .array(
          z.object({
            ...{ policy: z.string(), ...numbered },
            rules: z
              .array(z.object({ handle: z.number(), digest: z.number(), comment: z.string() }))
              .readonly(),
          }),
        )
        .readonly(),
    }),
  )
  .readonly();

const fileSchema = z.object({ identity: z.string(), ruleset: rulesetSchema, kernel: kernelSchema });

/** What was loaded, and what the kernel held right after it. */
export interface LoadedRules {
  readonly ruleset: Ruleset;
  readonly kernel: readonly KernelTable[];
}

/**
 * Remembers which rules were loaded, over restarts of the daemon: the next ones are loaded as a difference from these. A file in the
 * run folder, which a boot empties as it empties the kernel's tables; it also names the boot and the network namespace.
 */
export class LoadedRulesFile {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  /** Undefined where there is none, or one that is torn, of another kernel, or of another version of tocha. */
  read(): LoadedRules | undefined {
    let text: string;
    try {
      text = readFileSync(this.#path, "utf8");
    } catch {
      return undefined;
    }
    return parseLoadedRules(text, kernelIdentity());
  }

  /** Whole or not at all: a new file takes the old one's place. */
  write({ ruleset, kernel }: LoadedRules): void {
    const text = JSON.stringify({ identity: kernelIdentity(), ruleset, kernel });
    writeFileSync(`${this.#path}.new`, text, { mode: 0o600 });
    renameSync(`${this.#path}.new`, this.#path);
  }

  remove(): void {
    rmSync(this.#path, { force: true });
  }
}

/** @param identity boot and namespace that the rules belong to */
export function parseLoadedRules(text: string, identity: string): LoadedRules | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  const read = fileSchema.safeParse(value);
  if (!read.success || read.data.identity !== identity) return undefined;
  const kernel = read.data.kernel.map((table) => ({
    ...table,
    sets: table.sets.map(({ name, handle, elements, digest }) => ({ name, handle, elements, digest })),
  }));
  const ruleset: Ruleset = {
    tables: read.data.ruleset.tables.map((table) => ({
      ...table,
      chains: table.chains.map(({ name, hook, rules }) => ({ name, hook, rules })),
    })),
  };
  return differenceFromRuleset(kernel, ruleset) === undefined ? { ruleset, kernel } : undefined;
}
