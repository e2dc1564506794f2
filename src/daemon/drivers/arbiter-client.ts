import { readFileSync } from "node:fs";
import { Agent, type RequestOptions, request } from "node:https";
import { DecodeError, isDecodeError } from "../../base/decode-error.ts";
import {
  ARBITER_ANSWER_BYTES_MAX,
  type ArbiterAnswer,
  type ArbiterRequest,
  arbiterWords,
  decodeArbiterAnswer,
  decodeArbiterToken,
  encodeArbiterRequest,
} from "../../core/arbiter/arbiter-messages.ts";
import type { ArbiterSettings } from "../node-settings.ts";

/** Of one endpoint: a member of etcd answers within milliseconds, or a few hundred while it elects. */
const ENDPOINT_LIMIT_MS = 1_000;
const HTTP_UNAUTHORIZED = 401;
/** Connections with certificates of before get no more questions; others get one every 5 s. */
const IDLE_LIMIT_MS = 60_000;

interface Reply {
  readonly status: number;
  readonly text: string;
}

/** Asks the members of an etcd, over HTTPS with JSON. Every wait has a limit. */
export class ArbiterClient {
  readonly #settings: ArbiterSettings;
  /** Tells connections apart by their certificates: one with others than the question's is not used for it. */
  readonly #agent = new Agent({
    ...{ keepAlive: true, maxSockets: 2, minVersion: "TLSv1.2", timeout: IDLE_LIMIT_MS },
  });
  #token: string | undefined;
  /** The endpoint that answered last. */
  #first = 0;

  constructor(settings: ArbiterSettings) {
    this.#settings = settings;
  }

  /** @throws Error when no endpoint gives an answer that can be understood; its message says what each one did */
  async ask(
    question: ArbiterRequest,
    of: { readonly key: string; readonly node: string },
  ): Promise<ArbiterAnswer> {
    const { path, body } = encodeArbiterRequest(question, of);
    const { endpoints } = this.#settings;
    const failures: string[] = [];
    for (let i = 0; i < endpoints.length; i++) {
      const index = (this.#first + i) % endpoints.length;
      const endpoint = endpoints[index] ?? "";
      try {
        const { status, text } = await this.#post(endpoint, path, body);
        const answer = decodeArbiterAnswer(question.ask, status, text);
        if (!isDecodeError(answer)) {
          this.#first = index;
          return answer;
        }
        failures.push(`${endpoint}: ${arbiterWords(text) ?? answer.reason} (HTTP ${status})`);
      } catch (error) {
        failures.push(
          `${endpoint}: ${error instanceof Error ? failureWords(error, this.#settings) : String(error)}`,
        );
      }
    }
    throw new Error(failures.join("; "));
  }

  close(): void {
    this.#agent.destroy();
  }

  /** With the user's token, which etcd forgets now and then. */
  async #post(endpoint: string, path: string, body: object): Promise<Reply> {
    const first = await this.#postOnce(endpoint, path, body);
    const { userFile, userEnvironment } = this.#settings;
    const hasUser = userFile !== undefined || userEnvironment !== undefined;
    if (!hasUser || first.status !== HTTP_UNAUTHORIZED) return first;
    this.#token = undefined;
    return await this.#postOnce(endpoint, path, body);
  }

  async #postOnce(endpoint: string, path: string, body: object): Promise<Reply> {
    const { userFile, userEnvironment } = this.#settings;
    const place = userFile ?? userEnvironment;
    if (place !== undefined && this.#token === undefined) {
      const text = userFile === undefined ? variable(place) : readFileSync(place, "utf8");
      this.#token = await this.#authenticate(endpoint, place, text);
    }
    return await this.#exchange(endpoint, path, body);
  }

  /** @param place where the text of the user is from */
  async #authenticate(endpoint: string, place: string, userText: string): Promise<string> {
    const [line = ""] = userText.split("\n");
    const [name = "", ...rest] = line.split(":");
    const { status, text } = await this.#exchange(endpoint, "/v3/auth/authenticate", {
      ...{ name, password: rest.join(":") },
    });
    const token = decodeArbiterToken(status, text);
    if (token instanceof DecodeError)
      throw new Error(`the user of ${place}: ${arbiterWords(text) ?? token.reason} (HTTP ${status})`);
    return token;
  }

  #exchange(endpoint: string, path: string, body: object): Promise<Reply> {
    return new Promise((resolve, reject) => {
      const call = request(`${endpoint}${path}`, {
        ...{ method: "POST", agent: this.#agent },
        ...this.#certificates(),
        headers: {
          "content-type": "application/json",
          ...(this.#token === undefined ? {} : { authorization: this.#token }),
        },
        signal: AbortSignal.timeout(ENDPOINT_LIMIT_MS),
      });
      call.on("error", reject);
      call.on("response", (response) => {
        let text = "";
        response.setEncoding("utf8");
        response.on("data", (chunk: string) => {
          text += chunk;
          if (text.length > ARBITER_ANSWER_BYTES_MAX) call.destroy(new Error("the answer is too long"));
        });
        response.on("error", reject);
        response.on("end", () => resolve({ status: response.statusCode ?? 0, text }));
      });
      call.end(JSON.stringify(body));
    });
  }

  /**
   * As they are now: they run out, and are renewed in place.
   *
   * @throws Error when a file cannot be read: it is tried again with the next question
   */
  #certificates(): Pick<RequestOptions, "ca" | "cert" | "key"> {
    const { caFile, certificateFile, keyFile } = this.#settings;
    return {
      ca: readFileSync(caFile),
      ...(certificateFile === undefined ? {} : { cert: readFileSync(certificateFile) }),
      ...(keyFile === undefined ? {} : { key: readFileSync(keyFile) }),
    };
  }
}

/** What OpenSSL says of a certificate that it cannot follow to one of caFile. */
const UNSIGNED_CODES: ReadonlySet<string> = new Set([
  ...["UNABLE_TO_VERIFY_LEAF_SIGNATURE", "UNABLE_TO_GET_ISSUER_CERT", "UNABLE_TO_GET_ISSUER_CERT_LOCALLY"],
  ...["SELF_SIGNED_CERT_IN_CHAIN", "DEPTH_ZERO_SELF_SIGNED_CERT", "CERT_SIGNATURE_FAILURE"],
]);

/** One line, with the keys of the document that it is about: OpenSSL and Node.js know neither. */
function failureWords(
  error: Error & { readonly code?: string; readonly reason?: string },
  { caFile, certificateFile }: ArbiterSettings,
): string {
  if (error.name === "AbortError") return "no answer in time";
  const { code = "", message } = error;
  // What follows is advice for programs.
  const [words = code] = message.split(/[;\n]/);
  const reason = code.startsWith("ERR_SSL_") ? (error.reason ?? code) : words;
  if (UNSIGNED_CODES.has(code)) return `${reason} (is it signed by caFile, ${caFile}?)`;
  if (!/^ERR_SSL_.*ALERT.*(CERTIFICATE|UNKNOWN_CA)/.test(code)) return reason;
  return certificateFile === undefined
    ? `${reason}: it wants a certificate of this node (certificateFile and keyFile of the arbiter)`
    : `${reason}: it refuses this node's certificate (certificateFile, ${certificateFile})`;
}

/** @throws Error where it is not set */
function variable(name: string): string {
  const value = process.env[name];
  if (value === undefined) throw new Error(`the environment variable ${name} is not set`);
  return value;
}
