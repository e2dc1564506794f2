import type { X509Certificate } from "node:crypto";
import { connect, type TLSSocket } from "node:tls";
import { ProblemError } from "../base/problem.ts";
import { issuerOf, splitCertificates } from "./certificate-bundle.ts";
import { makeNodeRequest } from "./certificates.ts";
import { readLine } from "./join-line.ts";
import {
  ANSWER_BYTES_MAX,
  JOIN_PROTOCOL,
  type JoinAnswer,
  type JoinRequest,
  joinAnswerSchema,
  joinRefusalSchema,
} from "./join-messages.ts";
import { equalBytes, exporterOf, type JoinToken, pinOf, proofOf } from "./join-token.ts";

const CONNECT_LIMIT_MS = 10_000;
const ANSWER_LIMIT_MS = 30_000;

/** What the first machine gave, and the private key that was made here and has been nowhere else. */
export interface Joined extends JoinAnswer {
  readonly privateKey: string;
}

/** Asks the first machine to be let in. Throws a ProblemError; nothing is written here. */
export async function joinCluster(
  host: string,
  token: JoinToken,
  machine: Omit<JoinRequest, "request">,
): Promise<Joined> {
  const { request, privateKey } = await makeNodeRequest(machine.node);
  const socket = await connected(host, token.port);
  try {
    checkPin(socket, token, host);
    const text = JSON.stringify({ ...machine, request } satisfies JoinRequest);
    const exporter = exporterOf(socket);
    const proof = proofOf(token.secret, exporter, text).toString("hex");
    socket.write(`${JSON.stringify({ request: text, proof })}\n`);
    const answer = parseAnswer(await answerLine(socket, host), host);
    checkAnswer(answer, token, host);
    return { ...answer, privateKey };
  } finally {
    socket.destroy();
  }
}

function connected(host: string, port: number): Promise<TLSSocket> {
  const { promise, resolve, reject } = Promise.withResolvers<TLSSocket>();
  // Whom we speak to is told by the pin, not by a name or by an authority that is known here: there is none yet.
  const socket = connect({
    ...{ host, port, rejectUnauthorized: false, minVersion: "TLSv1.3", ALPNProtocols: [JOIN_PROTOCOL] },
  });
  const timer = setTimeout(() => socket.destroy(new Error("no answer in time")), CONNECT_LIMIT_MS);
  const onError = (error: NodeJS.ErrnoException) => {
    clearTimeout(timer);
    const refused = error.code === "ECONNREFUSED";
    const message = refused
      ? `nobody waits for a node at ${host} port ${port}: the token was used, has expired, or "tocha token" was ended`
      : `${host} port ${port} cannot be reached: ${error.message}`;
    const hint = refused
      ? 'Make another token on the first machine: "tocha token".'
      : "Is it the address that the first machine printed, and does a firewall let the port through?";
    reject(new ProblemError({ code: "join-unreachable", message, hint }));
  };
  socket.once("error", onError);
  socket.once("secureConnect", () => {
    clearTimeout(timer);
    socket.off("error", onError);
    socket.on("error", () => {});
    resolve(socket);
  });
  return promise;
}

/** Nothing has been sent before this: not to a machine that has no certificate of the authority that the token names. */
function checkPin(socket: TLSSocket, token: JoinToken, host: string): void {
  const own: X509Certificate | undefined = socket.getPeerX509Certificate();
  const authority = own?.issuerCertificate;
  const isRight =
    own !== undefined &&
    authority !== undefined &&
    equalBytes(pinOf(authority), token.pin) &&
    issuerOf(own, [authority]) !== undefined &&
    socket.alpnProtocol === JOIN_PROTOCOL;
  if (!isRight) {
    throw new ProblemError({
      code: "wrong-pin",
      message: `the machine at ${host} is not the one that the token is from: nothing was sent to it`,
      hint: "Check the address. If it is right, somebody may be between the two machines: use the link between them alone.",
    });
  }
  const now = Date.now();
  if (own.validFromDate.getTime() <= now && own.validToDate.getTime() >= now) return;
  throw new ProblemError({
    code: "wrong-clock",
    message: `for this machine's clock the certificate of ${host} is not valid (${own.validFrom} to ${own.validTo})`,
    hint: "Set the clock of this machine, or renew the certificate of the other one.",
  });
}

async function answerLine(socket: TLSSocket, host: string): Promise<string> {
  try {
    return await readLine(socket, { bytesMax: ANSWER_BYTES_MAX, limitMs: ANSWER_LIMIT_MS });
  } catch (error) {
    throw badAnswer(host, error instanceof Error ? error.message : String(error));
  }
}

function parseAnswer(line: string, host: string): JoinAnswer {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    throw badAnswer(host, "it is not JSON");
  }
  const refusal = joinRefusalSchema.safeParse(value);
  if (refusal.success) {
    const { code, message, hint } = refusal.data.problem;
    throw new ProblemError({ code, message, ...(hint === undefined ? {} : { hint }) });
  }
  const answer = joinAnswerSchema.safeParse(value);
  if (answer.success) return answer.data;
  const [issue] = answer.error.issues;
  throw badAnswer(host, `at ${issue?.path.join(".")}: ${issue?.message}`);
}

/** The authority that was pinned must be among those that the answer asks to trust. */
function checkAnswer({ authorities }: JoinAnswer, token: JoinToken, host: string): void {
  try {
    if (splitCertificates(authorities).some((one) => equalBytes(pinOf(one), token.pin))) return;
  } catch {
    // Said below.
  }
  throw badAnswer(host, "it does not have the authority that the token names");
}

function badAnswer(host: string, why: string): ProblemError {
  return new ProblemError({
    code: "bad-answer",
    message: `the answer of ${host} is not understood: ${why}`,
    hint: "Is the same release of tocha installed on both machines? tocha version",
  });
}
