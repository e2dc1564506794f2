import { X509Certificate } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { ProblemError } from "../../base/problem.ts";
import { clientFor, type NodeWish } from "../../client/client-for.ts";
import type { ControlClient } from "../../client/control-client.ts";
import { serialOf } from "../../keys/certificate-bundle.ts";
import { issueForRequest, readAuthority, requireNodeName } from "../../keys/key-files.ts";
import { readIssued } from "../../keys/key-folder.ts";
import { readLetter, type SignedLetter } from "../../keys/key-letter.ts";
import { nodeKeyFileNames } from "../../keys/read-keys.ts";
import { installRenewal, type KeysState, keysState, requestRenewal } from "../../keys/renew-keys.ts";
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
} from "../../keys/rotation.ts";
import { type ExitStatus, exitStatus } from "../exit-status.ts";
import { whileWaiting } from "../waiting.ts";

export interface ExchangeOptions extends NodeWish {
  readonly directory: string;
  readonly output: string;
}

export interface RotateOptions extends ExchangeOptions {
  readonly authority?: boolean;
  readonly clusterKey?: boolean;
}

/** The cluster as the authority's machine reaches it: through the node that runs there. */
class Cluster {
  readonly #client: ControlClient;
  readonly nodes: readonly string[];

  private constructor(client: ControlClient, nodes: readonly string[]) {
    this.#client = client;
    this.nodes = nodes;
  }

  static async reach(wish: NodeWish): Promise<Cluster> {
    const client = await clientFor(wish);
    const { nodes } = await client.status();
    return new Cluster(
      client,
      nodes.map(({ name }) => name),
    );
  }

  /** Of those that answer. */
  async states(except: readonly string[] = []): Promise<Map<string, KeysState>> {
    const asked = this.nodes.filter((node) => !except.includes(node));
    const answers = await whileWaiting(
      "the nodes are asked for their keys",
      Promise.all(
        asked.map(async (node) => [node, await orAway(this.#client.keys({ node, do: "tell" }))] as const),
      ),
    );
    return new Map(answers.flatMap(([node, state]) => (state === undefined ? [] : [[node, state]])));
  }

  async take(node: string, signed: SignedLetter): Promise<KeysState | undefined> {
    return await whileWaiting(
      `${node} takes what is new`,
      orAway(this.#client.keys({ node, do: "take", ...signed })),
    );
  }

  async renew(directory: string, node: string): Promise<KeysState> {
    const request = await whileWaiting(`${node} makes a key`, this.#client.renewalRequest(node));
    const certificate = await issueForRequest(directory, node, request);
    return await whileWaiting(
      `${node} takes its certificate`,
      this.#client.keys({ node, do: "install", certificate }),
    );
  }
}

/** @returns undefined where the node does not answer; what it refuses is thrown */
async function orAway<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof ProblemError && error.problem.code === "node-unreachable") return undefined;
    throw error;
  }
}

const stepWords: Readonly<Record<RotationStep, string>> = {
  trust: "accepts the old and the new",
  renew: "has a certificate of the new authority",
  use: "sends with the new key",
  drop: "accepts only the new",
};

/** Exchanges the authority, the cluster key, or both, or goes on with it where a node was away. */
export async function keysRotate(options: RotateOptions): Promise<ExitStatus> {
  const { directory } = options;
  readAuthority(directory);
  const cluster = await Cluster.reach(options);
  const all = options.authority !== true && options.clusterKey !== true;
  const plan =
    readPlan(directory) ??
    (await beginRotation(directory, {
      authority: all || options.authority === true,
      clusterKey: all || options.clusterKey === true,
    }));
  for (const step of rotationSteps) {
    const away = await carryOut(step, plan, { cluster, options });
    if (away.length > 0) throw waiting(step, away);
  }
  endRotation(directory);
  report(
    options,
    { ok: true, rotated: cluster.nodes },
    "The exchange is complete: nobody accepts what was before.\n",
  );
  return exitStatus.ok;
}

/** @returns the nodes that do not answer: all others have done the step then */
async function carryOut(
  step: RotationStep,
  plan: RotationPlan,
  { cluster, options }: { readonly cluster: Cluster; readonly options: ExchangeOptions },
): Promise<readonly string[]> {
  const { directory } = options;
  if (step === "renew") signWithNew(directory);
  const states = await cluster.states();
  const missing = [...states].filter(([, state]) => !hasDone(plan, step, state)).map(([node]) => node);
  const letter =
    step === "renew" ? undefined : stepLetter(directory, plan, { step, states: [...states.values()] });
  const away = cluster.nodes.filter((node) => !states.has(node) && !isRemoved(directory, node));
  for (const node of missing) {
    const state =
      letter === undefined ? await cluster.renew(directory, node) : await cluster.take(node, letter);
    if (state === undefined) away.push(node);
    else if (options.output === "text") process.stdout.write(`${node} ${stepWords[step]}\n`);
  }
  return away;
}

/** Whether every certificate that this authority has ever given the node is refused: nobody waits for it. */
function isRemoved(directory: string, node: string): boolean {
  const revoked = new Set(readLetter(directory)?.letter.revoked.map(({ serial }) => serial));
  const serials = knownSerials(directory, node);
  return serials.length > 0 && serials.every((serial) => revoked.has(serial));
}

function waiting(step: RotationStep, away: readonly string[]): ProblemError {
  return new ProblemError({
    code: "rotation-waits",
    message: `${away.join(" and ")} ${away.length === 1 ? "does" : "do"} not answer: the exchange waits before the step after "${stepWords[step]}"`,
    hint: 'The cluster works on with the old and the new. Run "tocha keys rotate" again when all nodes answer; a node that never comes back is removed with "tocha keys revoke" and from the document.',
  });
}

/** Renews the certificates of nodes, each with a new key that the node makes itself. */
export async function keysRenew(nodes: readonly string[], options: ExchangeOptions): Promise<ExitStatus> {
  const { directory } = options;
  readAuthority(directory);
  const renewed: Record<string, string> = {};
  for (const node of nodes) {
    requireNodeName(node);
    const { expires } = await renewOne(node, options);
    renewed[node] = expires;
  }
  const lines = Object.entries(renewed).map(
    ([node, expires]) => `${node} has a new certificate, good until ${expires.slice(0, 10)}\n`,
  );
  report(options, { ok: true, renewed }, lines.join(""));
  return exitStatus.ok;
}

async function renewOne(node: string, { directory, ...wish }: ExchangeOptions): Promise<KeysState> {
  let cluster: Cluster;
  try {
    cluster = await Cluster.reach(wish);
  } catch (error) {
    // Where nothing runs, the node of this folder can be renewed all the same.
    const isHere = existsSync(join(directory, nodeKeyFileNames(node).privateKey));
    if (!isHere || !(error instanceof ProblemError) || error.problem.code !== "no-running-node") throw error;
    const request = await requestRenewal(directory, node);
    installRenewal(directory, node, await issueForRequest(directory, node, request));
    return keysState(directory, node);
  }
  return await cluster.renew(directory, node);
}

/** Makes every node refuse the certificates of one that is removed. */
export async function keysRevoke(node: string, options: ExchangeOptions): Promise<ExitStatus> {
  const { directory } = options;
  readAuthority(directory);
  const cluster = await Cluster.reach(options);
  if (cluster.nodes.length === 1 && cluster.nodes[0] === node) throw revokesItself(node);
  const states = await cluster.states();
  const serials = new Set(knownSerials(directory, node));
  const running = states.get(node)?.serial;
  if (running !== undefined) serials.add(running);
  if (serials.size === 0) {
    const message = `no certificate of ${node} is known here`;
    const hint =
      "Names of nodes are those in the document. The file issued.log in the keys folder has all that were issued.";
    throw new ProblemError({ code: "no-such-node", message, hint });
  }
  const before = readLetter(directory)?.letter.revoked ?? [];
  const at = new Date().toISOString();
  const added = [...serials].filter((serial) => !before.some((one) => one.serial === serial));
  const revoked = [...before, ...added.map((serial) => ({ serial, node, at }))];
  const letter = newLetter(directory, [...states.values()], { revoked });
  const others = cluster.nodes.filter((one) => one !== node);
  const told: string[] = [];
  for (const other of others) if ((await cluster.take(other, letter)) !== undefined) told.push(other);
  const away = others.filter((one) => !told.includes(one));
  const number = `${serials.size} certificate${serials.size === 1 ? "" : "s"}`;
  report(
    options,
    { ok: true, node, serials: [...serials], told, away },
    `${told.join(" and ")} refuse${told.length === 1 ? "s" : ""} ${number} of ${node} from now on.\n${away.length === 0 ? "" : `${away.join(" and ")} will learn of it from the others, when they are back.\n`}` +
      `Next: take ${node} out of the document, and exchange the cluster key, which it knows: tocha keys rotate --cluster-key\n`,
  );
  return exitStatus.ok;
}

function revokesItself(node: string): ProblemError {
  return new ProblemError({
    code: "keys-refused",
    message: `${node} is the only node: nobody would be left to refuse it`,
    hint: "To renew its certificate: tocha keys renew.",
  });
}

function knownSerials(directory: string, node: string): string[] {
  requireNodeName(node);
  const issued = readIssued(directory).flatMap((one) => (one.node === node ? [one.serial] : []));
  const path = join(directory, nodeKeyFileNames(node).certificate);
  return existsSync(path) ? [...issued, serialOf(new X509Certificate(readFileSync(path, "utf8")))] : issued;
}

function report({ output }: ExchangeOptions, json: object, text: string): void {
  process.stdout.write(output === "json" ? `${JSON.stringify(json)}\n` : text);
}
