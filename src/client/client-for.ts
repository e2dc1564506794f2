import { readFileSync } from "node:fs";
import { ProblemError } from "../base/problem.ts";
import { author } from "./author.ts";
import { ControlClient, type ControlClientOptions } from "./control-client.ts";
import { findSocket, type SocketWish } from "./find-socket.ts";
import { HttpsTransport } from "./https-transport.ts";
import { sshCaller } from "./ssh-caller.ts";
import { SocketTransport } from "./transport.ts";

/** Whom a command asks: a node of this machine, or the API of any node. */
export interface NodeWish extends SocketWish {
  /** As in https://gw1:7847. */
  readonly url?: string;
  readonly tokenFile?: string;
  /** The file with the certificate of the authority. */
  readonly ca?: string;
}

/**
 * A client for the node that is meant. What is named on the command line goes before the environment: TOCHA_URL,
 * TOCHA_TOKEN_FILE, TOCHA_CA. Throws ProblemError.
 */
export async function clientFor(
  wish: NodeWish,
  environment: NodeJS.ProcessEnv = process.env,
  options: ControlClientOptions = {},
): Promise<ControlClient> {
  const isLocal = wish.socket !== undefined || wish.node !== undefined || wish.lab !== undefined;
  if (isLocal && wish.url !== undefined)
    throw new ProblemError({
      code: "bad-usage",
      message: "--url asks another machine, and --socket, --node and --lab ask this one",
    });
  const url = wish.url ?? (isLocal ? undefined : environment["TOCHA_URL"]);
  if (url === undefined || url === "")
    return new ControlClient(
      new SocketTransport(await findSocket(wish), author(environment), sshCaller(environment)),
      options,
    );
  const tokenFile = wish.tokenFile ?? environment["TOCHA_TOKEN_FILE"];
  const ca = wish.ca ?? environment["TOCHA_CA"];
  return new ControlClient(
    new HttpsTransport(validUrl(url), {
      token: tokenFile === undefined ? undefined : read(tokenFile).trim(),
      ca: ca === undefined ? undefined : read(ca),
    }),
    options,
  );
}

function validUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url !== undefined && url.protocol === "https:" && url.pathname === "/") return url;
  throw new ProblemError({
    code: "bad-usage",
    message: `"${text.slice(0, 100)}" is not the URL of an API`,
    hint: "Write it as https://gw1:7847.",
  });
}

function read(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ProblemError({ code: "unreadable-file", message: `cannot read ${file}: ${reason}`, file });
  }
}
