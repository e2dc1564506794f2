/** A lab that is examined: what tests of `tocha doctor` ask of it. */
import assert from "node:assert/strict";
import { delimiter } from "node:path";
import { fileURLToPath } from "node:url";
import { ControlClient } from "../../src/client/control-client.ts";
import type { DoctorFinding, DoctorReport } from "../../src/contract/doctor.ts";
import type { NodeFacts } from "../../src/contract/doctor-facts.ts";
import { controlSocket } from "../../src/lab/lab-folder.ts";
import { runCommand } from "../../src/lab/run-command.ts";
import { TestLab } from "./daemon-node.ts";

const ANSWER_LIMIT_MS = 60_000;
export const binaries = fileURLToPath(new URL("../../bin", import.meta.url));

/** What is wrong, as `gw2 warning mtu-differs lan`; notes are not. */
export function bad({ findings }: DoctorReport): string[] {
  return findings
    .filter(isWrong)
    .map(({ node, severity, code, on }) => `${node} ${severity} ${code} ${on}`)
    .sort();
}

function isWrong({ severity }: DoctorFinding): boolean {
  return severity === "warning" || severity === "error";
}

function explain({ findings }: DoctorReport): string {
  return JSON.stringify(findings.filter(({ severity }) => severity !== "ok"));
}

export class ExaminedLab {
  readonly lab: TestLab;

  private constructor(lab: TestLab) {
    this.lab = lab;
  }

  /** gw1 is active when it is up. */
  static async up(prefix: string): Promise<ExaminedLab> {
    const lab = await TestLab.up(prefix);
    await lab.waitUntilWellOn("gw1");
    return new ExaminedLab(lab);
  }

  get name(): string {
    return this.lab.name;
  }

  namespace(part: string): string {
    return this.lab.namespace(part);
  }

  down(): Promise<void> {
    return this.lab.down();
  }

  async examine(node = "gw1"): Promise<DoctorReport> {
    return await this.#ask(node, "doctor");
  }

  async facts(node: string): Promise<NodeFacts> {
    return await this.#ask(node, "node.doctor");
  }

  async #ask<Id extends "doctor" | "node.doctor">(node: string, id: Id) {
    const client = new ControlClient(controlSocket(this.name, node));
    return await client.ask(id, { timeoutMs: ANSWER_LIMIT_MS });
  }

  async find(code: string, node: string): Promise<DoctorFinding> {
    const report = await this.examine();
    const found = report.findings.find((one) => one.code === code && one.node === node);
    assert.ok(found !== undefined, `${code} on ${node}: ${explain(report)}`);
    return found;
  }

  /** Runs a command that the doctor has named, where it said, as a person would. */
  async follow({ node, command }: DoctorFinding): Promise<string> {
    const path = `${binaries}${delimiter}${process.env["PATH"] ?? ""}`;
    return await this.inNamespace(node, "env", `PATH=${path}`, "sh", "-c", command);
  }

  inNamespace(part: string, ...words: readonly string[]): Promise<string> {
    return runCommand("ip", ["netns", "exec", this.namespace(part), ...words]);
  }

  /** Until the nodes are well again: what was broken may have moved the role. */
  async assertHealthy(): Promise<void> {
    await this.lab.waitUntilWell();
    const report = await this.examine();
    assert.deepEqual(bad(report), [], explain(report));
    assert.equal(report.verdict, "ok");
  }

  /** Sees exactly these findings, does what each of them says (or `mend`), and sees that all are gone. */
  async assertHelps(expected: readonly string[], mend?: () => Promise<unknown>): Promise<void> {
    const report = await this.examine();
    assert.deepEqual(bad(report), [...expected].sort(), explain(report));
    if (mend === undefined) for (const finding of report.findings.filter(isWrong)) await this.follow(finding);
    else await mend();
    await this.assertHealthy();
  }
}
