import assert from "node:assert/strict";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, beforeEach, describe, it } from "node:test";
import { ProblemError } from "../base/problem.ts";
import { splitCertificates } from "./certificate-bundle.ts";
import { initKeys, issueForRequest, issueKeys } from "./key-files.ts";
import { readLetter, type SignedLetter, signLetter } from "./key-letter.ts";
import { nextKeyFileName, nodeKeyFileNames, readNodeKeys } from "./read-keys.ts";
import { installRenewal, type KeysState, keysState, requestRenewal, takeLetter } from "./renew-keys.ts";
import {
  beginRotation,
  endRotation,
  hasDone,
  newLetter,
  type RotationPlan,
  type RotationStep,
  readPlan,
  rotationSteps,
  signWithNew,
  stepLetter,
} from "./rotation.ts";

let template = "";
let root = "";

before(async () => {
  template = mkdtempSync(join(tmpdir(), "tocha-rotation-"));
  await initKeys(join(template, "gw1"), "gw1");
  await issueKeys(join(template, "gw1"), "gw2");
  cpSync(join(template, "gw1"), join(template, "gw2"), { recursive: true });
  for (const file of ["ca.key", "issued.log", "gw1.crt", "gw1.key"]) rmSync(join(template, "gw2", file));
  rmSync(join(template, "gw1", "gw2.crt"));
  rmSync(join(template, "gw1", "gw2.key"));
  await initKeys(join(template, "foreign"), "gw1");
});

beforeEach(() => {
  if (root !== "") rmSync(root, { recursive: true });
  root = mkdtempSync(join(tmpdir(), "tocha-rotation-"));
  cpSync(template, root, { recursive: true });
});

after(() => {
  rmSync(template, { recursive: true });
  rmSync(root, { recursive: true });
});

const folder = (node: string) => join(root, node);
const nodes = ["gw1", "gw2"] as const;
const states = (): Record<string, KeysState> =>
  Object.fromEntries(nodes.map((node) => [node, keysState(folder(node), node)]));

function refused(part: string) {
  return (error: unknown) => {
    assert.ok(error instanceof ProblemError, String(error));
    assert.equal(error.problem.code, "keys-refused");
    assert.ok(error.problem.message.includes(part), error.problem.message);
    return true;
  };
}

/** What two nodes accept of each other, by their files alone. */
function assertTheyTrustEachOther(why: string): void {
  const [one, two] = nodes.map((node) => readNodeKeys(folder(node), node));
  assert.ok(one && two);
  for (const [a, b] of [
    [one, two],
    [two, one],
  ] as const) {
    const trusted = splitCertificates(a.caCertificate).map((certificate) => certificate.toString());
    assert.ok(trusted.includes(b.issuer), `${why}: the authority of the other is trusted`);
    const known = a.clusterKeys.map((key) => Buffer.from(key).toString("hex"));
    assert.ok(
      known.includes(Buffer.from(b.clusterKeys[0]).toString("hex")),
      `${why}: the other's pulses are known`,
    );
  }
}

async function carryOut(plan: RotationPlan, step: RotationStep, node: string): Promise<void> {
  if (step === "renew") {
    signWithNew(folder("gw1"));
    const request = await requestRenewal(folder(node), node);
    installRenewal(folder(node), node, await issueForRequest(folder("gw1"), node, request));
    return;
  }
  takeLetter(folder(node), node, stepLetter(folder("gw1"), plan, { step, states: Object.values(states()) }));
}

describe("an exchange of all keys", () => {
  it("leaves every node accepted by the other after each act of each node, in either order", async () => {
    const before = states();
    for (const order of [
      ["gw1", "gw2"],
      ["gw2", "gw1"],
    ]) {
      const plan = await beginRotation(folder("gw1"), { authority: true, clusterKey: true });
      assert.deepEqual(readPlan(folder("gw1")), plan);
      for (const step of rotationSteps) {
        for (const node of order) {
          assert.equal(hasDone(plan, step, keysState(folder(node), node)), false, `${node} ${step}`);
          await carryOut(plan, step, node);
          assert.equal(hasDone(plan, step, keysState(folder(node), node)), true, `${node} ${step}`);
          assertTheyTrustEachOther(`${step} of ${node}`);
        }
        // What was done is done: also after the later steps.
        for (const earlier of rotationSteps.slice(0, rotationSteps.indexOf(step) + 1))
          for (const node of nodes)
            assert.ok(hasDone(plan, earlier, keysState(folder(node), node)), `${earlier}`);
      }
      endRotation(folder("gw1"));
      assert.equal(readPlan(folder("gw1")), undefined);
    }
    const now = states();
    for (const node of nodes) {
      assert.equal(now[node]?.authorities.length, 1);
      assert.equal(now[node]?.clusterKeys.length, 1);
      assert.notDeepEqual(now[node]?.authorities, before[node]?.authorities);
      assert.notDeepEqual(now[node]?.clusterKeys, before[node]?.clusterKeys);
      assert.notEqual(now[node]?.serial, before[node]?.serial);
    }
    // The new authority goes on issuing.
    await issueKeys(folder("gw1"), "gw3");
    readNodeKeys(folder("gw1"), "gw3");
  });

  it("of the cluster key alone leaves certificates as they are", async () => {
    const before = states();
    const plan = await beginRotation(folder("gw1"), { authority: false, clusterKey: true });
    for (const step of rotationSteps)
      for (const node of nodes)
        if (!hasDone(plan, step, keysState(folder(node), node))) await carryOut(plan, step, node);
    assert.equal(states()["gw2"]?.serial, before["gw2"]?.serial);
    assert.deepEqual(states()["gw2"]?.authorities, before["gw2"]?.authorities);
    assert.notDeepEqual(states()["gw2"]?.clusterKeys, before["gw2"]?.clusterKeys);
  });

  it("never takes a node's trust in its own certificate: a step too far is refused", async () => {
    const plan = await beginRotation(folder("gw1"), { authority: true, clusterKey: false });
    await carryOut(plan, "trust", "gw1");
    await carryOut(plan, "trust", "gw2");
    await assert.rejects(carryOut(plan, "drop", "gw2"), refused("own certificate would not be trusted"));
    assertTheyTrustEachOther("nothing has changed");
  });
});

describe("a letter of the authority", () => {
  const letterOf = (directory: string, changes = {}): SignedLetter => newLetter(directory, [], changes);

  it("is taken once, and not after a later one; not from another authority, and not when it was changed", () => {
    const directory = folder("gw2");
    const first = letterOf(folder("gw1"));
    assert.equal(takeLetter(directory, "gw2", first), true);
    assert.equal(takeLetter(directory, "gw2", first), false);
    takeLetter(folder("gw1"), "gw1", first);
    const second = letterOf(folder("gw1"), {
      revoked: [{ serial: "ab", node: "gw3", at: "2026-01-01T00:00:00Z" }],
    });
    assert.equal(takeLetter(directory, "gw2", second), true);
    assert.deepEqual([...readNodeKeys(directory, "gw2").revoked], ["ab"]);
    assert.throws(() => takeLetter(directory, "gw2", first), refused("number 1, and the node has 2"));
    const foreign = letterOf(folder("foreign"), {
      authorities: readFileSync(join(folder("gw1"), "ca.crt"), "utf8"),
    });
    assert.throws(() => takeLetter(directory, "gw2", foreign), refused("no authority that the node trusts"));
    const changed = { ...second, letter: second.letter.replace('"number":2', '"number":9') };
    assert.throws(() => takeLetter(directory, "gw2", changed), refused("no authority that the node trusts"));
    assert.equal(readLetter(directory)?.letter.number, 2);
  });

  it("is none when the authority has signed something else", () => {
    const key = readFileSync(join(folder("gw1"), "ca.key"), "utf8");
    const odd = signLetter({ number: 5 } as never, key);
    assert.throws(() => takeLetter(folder("gw2"), "gw2", odd), refused("letter"));
  });
});

describe("a renewal", () => {
  it("survives death between certificate and key", async () => {
    const directory = folder("gw2");
    const request = await requestRenewal(directory, "gw2");
    const certificate = await issueForRequest(folder("gw1"), "gw2", request);
    const { serial } = keysState(directory, "gw2");
    // The certificate is in place, the key still waits.
    writeFileSync(join(directory, nodeKeyFileNames("gw2").certificate), certificate);
    const keys = readNodeKeys(directory, "gw2");
    assert.notEqual(keys.serial, serial);
    assert.equal(keys.privateKey, readFileSync(join(directory, nextKeyFileName("gw2")), "utf8"));
  });

  it("takes only a certificate of this node, of a trusted authority, for the key that waits", async () => {
    const directory = folder("gw2");
    const request = await requestRenewal(directory, "gw2");
    const install = (pem: string) => installRenewal(directory, "gw2", pem);
    assert.throws(() => install("no"), refused("it is none"));
    const other = await issueForRequest(folder("gw1"), "gw1", request);
    assert.throws(() => install(other), refused("another node's"));
    const foreign = await issueForRequest(folder("foreign"), "gw2", request);
    assert.throws(() => install(foreign), refused("no authority that the node trusts"));
    const right = await issueForRequest(folder("gw1"), "gw2", request);
    await requestRenewal(directory, "gw2");
    assert.throws(() => install(right), refused("not for the key"));
    assert.ok(readNodeKeys(directory, "gw2"), "nothing has changed");
  });
});
