import { statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { formatDurationMs, parseDurationMs } from "../../base/duration.ts";
import { ProblemError } from "../../base/problem.ts";
import { addNode } from "../../contract/add-node.ts";
import type { ClusterDocument } from "../../contract/cluster-document.ts";
import { splitFileCopies } from "../../contract/file-copies.ts";
import { JoinDesk } from "../../keys/join-desk.ts";
import type { JoinAnswer, JoinRequest } from "../../keys/join-messages.ts";
import { formatToken, makeToken } from "../../keys/join-token.ts";
import { issueForRequest, readAuthority } from "../../keys/key-files.ts";
import { replaceFile } from "../../keys/key-folder.ts";
import { readLetter } from "../../keys/key-letter.ts";
import { readKeyText, readNodeKeys } from "../../keys/read-keys.ts";
import { afterJoin } from "../bootstrap/after-join.ts";
import { chooseNode } from "../choose-node.ts";
import { DocumentProblems, readDocumentFile, requireDocument } from "../document-file.ts";
import { type ExitStatus, exitStatus } from "../exit-status.ts";

export interface TokenOptions {
  readonly config: string;
  readonly node?: string;
  /** The node that may join. */
  readonly for?: string;
  readonly port: string;
  readonly address?: string;
  readonly expires: string;
  readonly output: string;
}

/** Makes a token, and waits for the one machine that comes with it. */
export async function token(options: TokenOptions): Promise<ExitStatus> {
  const { document } = requireDocument(options.config);
  const node = chooseNode(document, options.node);
  const keysDirectory = resolve(dirname(resolve(options.config)), document.keys.directory);
  const keys = readNodeKeys(keysDirectory, node.name);
  readAuthority(keysDirectory);
  const address = options.address ?? ownAddress(node.interfaces[document.replication.interface]?.addresses);
  const lifetimeMs = parseLifetime(options.expires);
  const joinToken = makeToken(keys.issuer, parsePort(options.port));
  const desk = await JoinDesk.open({
    ...{ token: joinToken, keys, host: address, lifetimeMs },
    admit: (request) => admit(request, { options, keysDirectory, node: node.name }),
    onNotice: (text) => process.stderr.write(`${text}\n`),
  });
  const command = `tocha join ${address} ${formatToken(joinToken)}`;
  if (options.output === "json") {
    const expires = new Date(Date.now() + lifetimeMs).toISOString();
    say({ event: "waiting", address, port: joinToken.port, token: formatToken(joinToken), command, expires });
  } else {
    process.stdout.write(
      `On the machine that joins, once tocha is installed there:\n\n  ${command}\n\n` +
        `It is good for one machine and ${formatDurationMs(lifetimeMs)}, as long as this command waits. Ctrl-C ends both.\n`,
    );
  }
  const end = await desk.end;
  desk.close();
  if (end.kind === "joined") {
    if (options.output === "json") say({ event: "joined", node: end.node, address: end.address });
    else process.stdout.write(`\n${end.node} has joined.\n${afterJoin(options.config, node.name, end.node)}`);
    return exitStatus.ok;
  }
  throw new ProblemError(
    end.kind === "spoiled"
      ? {
          code: "token-spoiled",
          message: "too many wrong tokens were tried: this one does not count any more",
          hint: "The lines above name the addresses that tried. Make another token when you know why.",
        }
      : {
          code: "token-expired",
          message: "nobody came with this token in time",
          hint: 'Make another one: "tocha token".',
        },
  );
}

/** What another machine is let in with: the document with it, and a certificate for the key that it has made. */
async function admit(
  request: JoinRequest,
  {
    options,
    keysDirectory,
    node,
  }: { readonly options: TokenOptions; readonly keysDirectory: string; readonly node: string },
): Promise<JoinAnswer> {
  if (options.for !== undefined && options.for !== request.node) {
    throw new ProblemError({
      code: "join-refused",
      message: `this token is for ${options.for}, not for ${request.node}`,
      hint: `tocha join … --node ${options.for}`,
    });
  }
  // Read now: people may have changed it while the token was waited for.
  const file = readDocumentFile(options.config);
  if (file.document === undefined) throw new DocumentProblems(file.problems, file.text, options.config);
  // The other machine has none of the files that the document names: it gets copies.
  const text = withNode(file.whole, file.document, request, options.for === request.node);
  const certificate = await issueForRequest(keysDirectory, request.node, request.request);
  const keys = readNodeKeys(keysDirectory, node);
  if (text !== file.whole) {
    const own = file.whole === file.text ? text : splitFileCopies(text).own;
    replaceFile(resolve(options.config), own, statSync(options.config).mode & 0o777);
  }
  return {
    ...{ ok: true, cluster: file.document.cluster, node: request.node, certificate, document: text },
    authorities: keys.caCertificate,
    clusterKey: readKeyText(keysDirectory),
    letter: readLetter(keysDirectory)?.signed ?? null,
  };
}

function withNode(
  text: string,
  document: ClusterDocument,
  { node, interfaces, devices }: JoinRequest,
  mayBeThere: boolean,
): string {
  if (Object.hasOwn(document.nodes, node)) {
    if (mayBeThere) return text;
    throw new ProblemError({
      code: "node-exists",
      message: `the document has a node ${node} already`,
      hint: `If this machine is to be that node, make the token on the first machine with "tocha token --for ${node}"; else give it another name: --node NAME.`,
    });
  }
  const added = addNode(text, document, { name: node, devices: interfaces, chosen: devices });
  if (added.text !== undefined) return added.text;
  const [{ code, message, hint }] = added.problems;
  throw new ProblemError({ code, message, ...(hint === undefined ? {} : { hint }) });
}

function ownAddress(addresses: readonly string[] | undefined): string {
  const [first] = addresses ?? [];
  if (first === undefined) throw new Error("a valid document gives each interface an address");
  return first.split("/")[0] ?? first;
}

function parsePort(text: string): number {
  const port = Number(text);
  if (Number.isInteger(port) && port >= 1 && port <= 65_535) return port;
  throw new ProblemError({
    code: "bad-usage",
    message: `"${text.slice(0, 20)}" is no port`,
    hint: "A port is a number from 1 to 65535.",
  });
}

const LIFETIME_MS_MAX = 7 * 86_400_000;

function parseLifetime(text: string): number {
  const lifetimeMs = parseDurationMs(text);
  if (lifetimeMs !== undefined && lifetimeMs > 0 && lifetimeMs <= LIFETIME_MS_MAX) return lifetimeMs;
  throw new ProblemError({
    code: "bad-duration",
    message: `"${text.slice(0, 20)}" is not how long a token can be good`,
    hint: "Such as 30m or 1h; a week (168h) at most.",
  });
}

function say(line: object): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}
