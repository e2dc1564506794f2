import { X509Certificate } from "node:crypto";
import { existsSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import * as z from "zod";
import { joinCertificates, splitCertificates } from "./certificate-bundle.ts";
import { makeAuthority } from "./certificates.ts";
import { makeClusterKey, readAuthority } from "./key-files.ts";
import { replaceFile } from "./key-folder.ts";
import { type KeyLetter, readLetter, type SignedLetter, signLetter } from "./key-letter.ts";
import { keyFileNames } from "./read-keys.ts";
import { clusterKeyDigest, fingerprint, type KeysState } from "./renew-keys.ts";

const planFileName = "rotation.json";
const nextAuthorityKeyName = "ca.key.next";

const planSchema = z.strictObject({
  /** In PEM: those of before. */
  authorities: z.string(),
  /** In PEM; null where the authority stays. */
  newAuthority: z.string().nullable(),
  /** Hexadecimal: that of before. */
  clusterKey: z.string(),
  /** Null where it stays. */
  newClusterKey: z.string().nullable(),
});

/** What is exchanged for what. It is kept until every node has done every step. */
export type RotationPlan = z.output<typeof planSchema>;

/**
 * The steps of an exchange, in the order in which nothing is lost. Each begins when all nodes have done the one before:
 *
 *     trust   every node accepts the old and the new
 *     renew   every node gets a certificate of the new authority
 *     use     every node sends pulses with the new key
 *     drop    nobody accepts the old any more
 */
export const rotationSteps = ["trust", "renew", "use", "drop"] as const;
export type RotationStep = (typeof rotationSteps)[number];

/** The plan that is under way in this folder. */
export function readPlan(directory: string): RotationPlan | undefined {
  const path = join(directory, planFileName);
  return existsSync(path) ? planSchema.parse(JSON.parse(readFileSync(path, "utf8"))) : undefined;
}

/** Makes what will be new, and writes down the plan. Nothing is in use yet. */
export async function beginRotation(
  directory: string,
  what: { readonly authority: boolean; readonly clusterKey: boolean },
): Promise<RotationPlan> {
  // Whoever cannot sign cannot exchange anything.
  readAuthority(directory);
  const authority = what.authority ? await makeAuthority() : undefined;
  const [clusterKey = ""] = readFileSync(join(directory, keyFileNames.clusterKey), "utf8").split("\n");
  const plan: RotationPlan = {
    authorities: readFileSync(join(directory, keyFileNames.authorityCertificate), "utf8"),
    newAuthority: authority?.certificate ?? null,
    clusterKey: clusterKey.toLowerCase(),
    newClusterKey: what.clusterKey ? makeClusterKey().trim() : null,
  };
  if (authority !== undefined) replaceFile(join(directory, nextAuthorityKeyName), authority.privateKey);
  replaceFile(join(directory, planFileName), `${JSON.stringify(plan)}\n`);
  return plan;
}

/** Every node has done every step. */
export function endRotation(directory: string): void {
  rmSync(join(directory, planFileName), { force: true });
}

/** The new authority signs from now on, because every node trusts it. The key of the old one is gone then. */
export function signWithNew(directory: string): void {
  const next = join(directory, nextAuthorityKeyName);
  if (existsSync(next)) renameSync(next, join(directory, keyFileNames.authorityKey));
}

/** What the nodes shall trust and know in a step. */
function wished(plan: RotationPlan, step: Exclude<RotationStep, "renew">) {
  const { newAuthority, newClusterKey, clusterKey } = plan;
  const before = splitCertificates(plan.authorities);
  const next = newAuthority === null ? [] : [new X509Certificate(newAuthority)];
  const both = newClusterKey === null ? [clusterKey] : [clusterKey, newClusterKey];
  const last = newClusterKey ?? clusterKey;
  if (step === "drop") return { authorities: next.length === 0 ? before : next, clusterKeys: [last] };
  return { authorities: [...before, ...next], clusterKeys: step === "trust" ? both : [...both].reverse() };
}

/** Whether a node has done a step, or is further already. */
export function hasDone(plan: RotationPlan, step: RotationStep, state: KeysState): boolean {
  if (step === "renew")
    return plan.newAuthority === null || state.issuer === fingerprint(new X509Certificate(plan.newAuthority));
  const { authorities, clusterKeys } = wished(plan, step);
  const trusted = authorities.map(fingerprint);
  const digests = clusterKeys.map((key) => clusterKeyDigest(Buffer.from(key, "hex")));
  if (step === "drop") return isSame(state.authorities, trusted) && isSame(state.clusterKeys, digests);
  const isTrusting = trusted.every((one) => state.authorities.includes(one));
  const isKnowing = digests.every((one) => state.clusterKeys.includes(one));
  if (step === "trust") return (isTrusting && isKnowing) || hasDone(plan, "drop", state);
  return state.clusterKeys[0] === digests[0];
}

function isSame(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((one, index) => one === b[index]);
}

/** The letter of a step. @param states of all nodes that answer: its number is above all of theirs */
export function stepLetter(
  directory: string,
  plan: RotationPlan,
  { step, states }: { readonly step: Exclude<RotationStep, "renew">; readonly states: readonly KeysState[] },
): SignedLetter {
  const { authorities, clusterKeys } = wished(plan, step);
  return newLetter(directory, states, { authorities: joinCertificates(authorities), clusterKeys });
}

/** A letter with what has changed; the rest is as in the folder. */
export function newLetter(
  directory: string,
  states: readonly Pick<KeysState, "letter">[],
  changes: Partial<Pick<KeyLetter, "authorities" | "clusterKeys" | "revoked">>,
): SignedLetter {
  const last = readLetter(directory)?.letter;
  const number = Math.max(last?.number ?? 0, ...states.map(({ letter }) => letter)) + 1;
  const letter: KeyLetter = {
    ...{ kind: "tocha key letter 1", number },
    authorities: readFileSync(join(directory, keyFileNames.authorityCertificate), "utf8"),
    clusterKeys: readFileSync(join(directory, keyFileNames.clusterKey), "utf8")
      .toLowerCase()
      .trim()
      .split(/\s+/),
    revoked: last?.revoked ?? [],
    ...changes,
  };
  return signLetter(letter, readAuthority(directory).privateKey);
}
