import { DecodeError } from "../../base/decode-error.ts";
import { differenceSummary, differenceText } from "../../core/ruleset/difference-text.ts";
import {
  differenceFromRuleset,
  differenceOfTables,
  type KernelTable,
  readKernelTables,
  withoutPacketElements,
} from "../../core/ruleset/kernel-tables.ts";
import { type Ruleset, tableTitle } from "../../core/ruleset/ruleset.ts";
import { rulesetDifference } from "../../core/ruleset/ruleset-difference.ts";
import { removalText, rulesetText } from "../../core/ruleset/ruleset-text.ts";
import { type LoadedRules, LoadedRulesFile } from "./loaded-rules-file.ts";
import { runNft } from "./nft-program.ts";

export type Say = (level: "info" | "warning", text: string) => void;

/** What is known of the kernel's tables before a load. */
type Known =
  | { readonly loaded: LoadedRules; readonly tables: readonly KernelTable[] }
  /** Nothing, or nothing that still holds: all is loaded. */
  | { readonly loaded: LoadedRules | undefined; readonly whyWhole: string };

/** Loads rule sets into this network namespace, as the difference from the one before where that is still there. */
export class RulesLoader {
  readonly #file: LoadedRulesFile;
  readonly #say: Say;

  /** @param path where it is remembered what was loaded */
  constructor(path: string, say: Say) {
    this.#file = new LoadedRulesFile(path);
    this.#say = say;
  }

  /** @returns what went wrong, in words; then the rules are as they were */
  async load(wanted: Ruleset): Promise<string | undefined> {
    const known = await this.#known();
    if ("tables" in known) {
      const changes = rulesetDifference(known.loaded.ruleset, wanted, known.tables);
      this.#say("info", `rules: ${differenceSummary(changes)}`);
      if (changes.length === 0) return undefined;
      const { failure } = await runNft(["-f", "-"], differenceText(changes));
      if (failure === undefined) {
        const wrong = await this.#remember(wanted);
        if (wrong === undefined) return undefined;
        this.#say(
          "warning",
          `the rules are not what they should be after a change, so all are loaded: ${wrong}`,
        );
      } else {
        this.#say("warning", `nft refused to change the rules, so all are loaded: ${failure}`);
      }
    } else {
      this.#say(known.loaded === undefined ? "info" : "warning", `all rules are loaded: ${known.whyWhole}`);
    }
    const { failure } = await runNft(["-f", "-"], wholeText(wanted, known.loaded?.ruleset));
    if (failure !== undefined) return `nft refused the rules: ${failure}`;
    const wrong = await this.#remember(wanted);
    if (wrong !== undefined) this.#say("warning", `the next time, all rules will be loaded: ${wrong}`);
    return undefined;
  }

  /** Asks nft and the kernel whether they would take these rules; changes nothing. @returns why not, in words */
  async check(wanted: Ruleset): Promise<string[]> {
    const known = await this.#known();
    const scripts = [wholeText(wanted, known.loaded?.ruleset)];
    if ("tables" in known) {
      const changes = rulesetDifference(known.loaded.ruleset, wanted, known.tables);
      if (changes.length > 0) scripts.push(differenceText(changes));
    }
    const answers: (string | undefined)[] = [];
    for (const script of scripts) answers.push((await runNft(["-c", "-f", "-"], script)).failure);
    return answers.flatMap((failure) => (failure === undefined ? [] : [`nft refuses the rules: ${failure}`]));
  }

  /** @returns what somebody else has changed since the last load, in words; undefined where nobody has, or nothing was loaded */
  async look(): Promise<string | undefined> {
    const known = await this.#known();
    return known.loaded === undefined || "tables" in known ? undefined : known.whyWhole;
  }

  async #known(): Promise<Known> {
    const loaded = this.#file.read();
    if (loaded === undefined)
      return { loaded, whyWhole: "nothing is known of rules that were loaded before" };
    const tables = await listTables(loaded.ruleset);
    if (typeof tables === "string") return { loaded, whyWhole: tables };
    const whyWhole = differenceOfTables(tables, loaded.kernel);
    return whyWhole === undefined ? { loaded, tables } : { loaded, whyWhole };
  }

  /** @returns why it is not known what the kernel holds now; then nothing is remembered */
  async #remember(ruleset: Ruleset): Promise<string | undefined> {
    const kernel = await listTables(ruleset);
    const wrong = typeof kernel === "string" ? kernel : differenceFromRuleset(kernel, ruleset);
    try {
      if (typeof kernel !== "string" && wrong === undefined) this.#file.write({ ruleset, kernel });
      else this.#file.remove();
      return wrong;
    } catch (error) {
      // A full run folder must not keep a gateway from its work.
      return `what was loaded cannot be remembered: ${error instanceof Error ? error.message : String(error)}`;
    }
  }
}

/** Of a table that the new rules do not have, nothing is left either. */
function wholeText(wanted: Ruleset, loaded: Ruleset | undefined): string {
  const titles = new Set(wanted.tables.map(tableTitle));
  const others = loaded?.tables.filter((table) => !titles.has(tableTitle(table))) ?? [];
  return `${removalText({ tables: others })}${rulesetText(wanted)}`;
}

/** What the kernel holds of the tables of a rule set; in words, why that cannot be told: above all, that one is not there. */
async function listTables(ruleset: Ruleset): Promise<readonly KernelTable[] | string> {
  const found: KernelTable[] = [];
  for (const { family, name } of ruleset.tables) {
    // By number: names come and go with /etc/protocols, and the rules are the same.
    const options = ["--json", "--handle", "--numeric-protocol"];
    const { failure, output } = await runNft([...options, "list", "table", family, name]);
    if (failure !== undefined) return `table ${family} ${name} cannot be listed: ${failure}`;
    const read = readKernelTables(output);
    if (read instanceof DecodeError)
      return `nft's list of table ${family} ${name} cannot be read: ${read.reason}`;
    found.push(...read);
  }
  return withoutPacketElements(found, ruleset);
}
