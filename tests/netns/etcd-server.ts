import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runCommand } from "../../src/lab/run-command.ts";

const ROOT_PASSWORD = "for the administrator";

/** A real etcd with TLS and client certificates, in a namespace, with a folder of its own that goes with it. */
export class EtcdServer {
  readonly #namespace: string;
  readonly #address: string;
  readonly #folder = mkdtempSync(join(tmpdir(), "tocha-etcd-"));
  #child: ChildProcess | undefined;
  said = "";

  private constructor(namespace: string, address: string) {
    this.#namespace = namespace;
    this.#address = address;
  }

  /** Makes its certificates; `start()` starts it. */
  static async prepare(namespace: string, address: string): Promise<EtcdServer> {
    const server = new EtcdServer(namespace, address);
    await server.#makeCertificates();
    return server;
  }

  get endpoint(): string {
    return `https://${this.#address}:2379`;
  }

  /** Where nodes read their user and its password; the document names it only `withUser`. */
  get userFile(): string {
    return join(this.#folder, "user");
  }

  /** The document's part about it. */
  document({ withUser = false } = {}): string {
    const file = (name: string) => join(this.#folder, name);
    return `arbiter:
  endpoints: ["${this.endpoint}"]
  caFile: ${file("ca.crt")}
  certificateFile: ${file("client.crt")}
  keyFile: ${file("client.key")}
${withUser ? `  userFile: ${this.userFile}\n` : ""}  leaseTtl: 3s
`;
  }

  /** From now on it answers users only: root, and one whose password is written into `userFile`, with no key but tocha's. */
  async requireUsers(name: string, password: string): Promise<void> {
    const key = (text: string) => Buffer.from(text).toString("base64");
    const root = { name: "root", password: ROOT_PASSWORD };
    await this.#call("auth/user/add", root);
    await this.#call("auth/role/add", { name: "root" });
    await this.#call("auth/user/grant", { user: "root", role: "root" });
    await this.#call("auth/user/add", { name, password });
    await this.#call("auth/role/add", { name: "gateways" });
    // "0" follows "/".
    const perm = { permType: "READWRITE", key: key("tocha/"), range_end: key("tocha0") };
    await this.#call("auth/role/grant", { name: "gateways", perm });
    await this.#call("auth/user/grant", { user: name, role: "gateways" });
    await this.#call("auth/enable", {});
    this.writeUser(name, password);
  }

  writeUser(name: string, password: string): void {
    writeFileSync(this.userFile, `${name}:${password}\n`, { mode: 0o600 });
  }

  /** Whoever has a token by the old password loses it. */
  async changePassword(name: string, password: string): Promise<void> {
    const { token } = await this.#call("auth/authenticate", { name: "root", password: ROOT_PASSWORD });
    await this.#call("auth/user/changepw", { name, password }, ["-H", `authorization: ${token}`]);
  }

  async #call(path: string, body: object, options: readonly string[] = []): Promise<{ token?: string }> {
    const file = (name: string) => join(this.#folder, name);
    const tls = ["--cacert", file("ca.crt"), "--cert", file("client.crt"), "--key", file("client.key")];
    const request = ["--silent", "--show-error", "--fail", "--data", JSON.stringify(body)];
    const curl = ["curl", ...tls, ...request, ...options, `${this.endpoint}/v3/${path}`];
    return JSON.parse(await runCommand("ip", ["netns", "exec", this.#namespace, ...curl])) as {
      token?: string;
    };
  }

  start(): void {
    const file = (name: string) => join(this.#folder, name);
    this.#child = spawn(
      "ip",
      [
        ...["netns", "exec", this.#namespace, "etcd", "--data-dir", file("data"), "--name", "arbiter"],
        ...["--listen-client-urls", this.endpoint, "--advertise-client-urls", this.endpoint],
        ...["--listen-peer-urls", "http://127.0.0.1:2380", "--log-outputs", "stderr"],
        ...["--cert-file", file("server.crt"), "--key-file", file("server.key")],
        ...["--client-cert-auth", "--trusted-ca-file", file("ca.crt")],
      ],
      { stdio: ["ignore", "ignore", "pipe"] },
    );
    this.#child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.said = (this.said + text).slice(-10_000);
    });
  }

  async kill(): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    await new Promise((ended) => {
      child.on("exit", ended);
      child.kill("SIGKILL");
    });
  }

  async remove(): Promise<void> {
    await this.kill();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #makeCertificates(): Promise<void> {
    const file = (name: string) => join(this.#folder, name);
    const openssl = (...args: string[]) => runCommand("openssl", args);
    const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
    await openssl(
      ...["req", "-x509", ...newKey, "-days", "2", "-subj", "/CN=arbiter CA"],
      ...["-keyout", file("ca.key"), "-out", file("ca.crt")],
    );
    for (const [name, usage] of [
      ["server", "serverAuth,clientAuth"],
      ["client", "clientAuth"],
    ] as const) {
      writeFileSync(file("extensions"), `subjectAltName=IP:${this.#address}\nextendedKeyUsage=${usage}\n`);
      // etcd's gateway refuses certificates with a common name.
      const subject = ["-subj", "/O=tocha"];
      await openssl("req", ...newKey, ...subject, "-keyout", file(`${name}.key`), "-out", file("request"));
      await openssl(
        ...["x509", "-req", "-days", "2", "-in", file("request"), "-extfile", file("extensions")],
        ...["-CA", file("ca.crt"), "-CAkey", file("ca.key"), "-CAcreateserial", "-out", file(`${name}.crt`)],
      );
    }
  }
}
