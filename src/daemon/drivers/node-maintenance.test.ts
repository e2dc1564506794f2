import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { ProblemError } from "../../base/problem.ts";
import { healthyStatus } from "../../contract/status.test-data.ts";
import type { Maintenance } from "../../core/election/health.ts";
import type { FailoverReport } from "../role-report.ts";
import { NodeMaintenance, type NodeMaintenanceOptions } from "./node-maintenance.ts";

const wish = { node: "gw1", reason: "new disk", by: "ana" };
let folder: string;
let told: (Maintenance | null)[];
let said: string[];
let maintenance: NodeMaintenance;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "tocha-maintenance-"));
  told = [];
  said = [];
  maintenance = open();
});
afterEach(() => rmSync(folder, { recursive: true }));

function open(changed: Partial<NodeMaintenanceOptions> = {}): NodeMaintenance {
  return new NodeMaintenance({
    ...{ node: "gw1", stateDirectory: folder },
    tellFailover: (one) => told.push(one),
    // Of no group: what it is active for is with others at once.
    askFailover: async () => ({ groups: [] as const }) as unknown as FailoverReport,
    askCluster: async () => healthyStatus(),
    log: (text) => said.push(text),
    ...changed,
  });
}

function isRefused(error: unknown): boolean {
  assert.ok(error instanceof ProblemError);
  assert.equal(error.problem.code, "standby-not-kept");
  assert.ok(error.message.includes(folder));
  assert.match(error.message, /EISDIR/);
  assert.match(error.problem.hint ?? "", /df .*ask again/);
  return true;
}

describe("NodeMaintenance", () => {
  it("sets the node aside and takes it back, over restarts", async () => {
    assert.deepEqual(await maintenance.standby(wish), { ok: true, node: "gw1", groups: [] });
    maintenance = open();
    assert.equal(maintenance.now?.reason, "new disk");
    maintenance.resume(wish);
    assert.equal(open().now, undefined);
    assert.deepEqual(told, [{ why: "gw1 is set aside by ana: new disk", force: false }, null]);
  });

  it("that cannot be written down: the node is not set aside, nobody is told that it is", async () => {
    const inTheWay = join(folder, "maintenance.json.new");
    mkdirSync(inTheWay);
    await assert.rejects(maintenance.standby(wish), isRefused);
    assert.equal(maintenance.now, undefined);
    assert.deepEqual([told, said], [[], []]);
    rmdirSync(inTheWay);
    await maintenance.standby(wish);
    assert.equal(told.length, 1);
  });

  it("takes force back when the command ends, however it ends", async () => {
    const status = healthyStatus();
    maintenance = open({
      askCluster: async () => ({ ...status, nodes: status.nodes.filter(({ name }) => name === "gw1") }),
      askFailover: async () => {
        throw new Error("no answer");
      },
    });
    await assert.rejects(maintenance.standby({ ...wish, force: true }), /no answer/);
    assert.deepEqual(
      told.map((one) => one?.force),
      [true, false],
    );
  });

  it("that cannot be taken from the disk: the node stays set aside", async () => {
    await maintenance.standby(wish);
    const path = join(folder, "maintenance.json");
    rmSync(path);
    mkdirSync(path);
    assert.throws(() => maintenance.resume(wish), isRefused);
    assert.equal(maintenance.now?.reason, "new disk");
    assert.equal(told.length, 1);
  });
});
