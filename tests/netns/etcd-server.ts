import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runCommand } from "../../src/lab/run-command.ts";

const ROOT_PASSWORD = "for the administrator";

/** What an etcd says of a key. */
export interface EtcdKey {
  readonly value: string;
  readonly revision: number;
  readonly lease: string;
}

/** Which certificate the members show, and whether they want to see one. */
export interface EtcdTls {
  /**
   * `server`: as it should be. `stranger`: of another authority, whose name is the same. `elsewhere`: for other addresses, with the right
   * ones in it as names of hosts, which they are not.
   */
  readonly certificate: "server" | "stranger" | "elsewhere";
  readonly asksClients: boolean;
}

/** Nobody's, on the same network. */
const ELSEWHERE = "192.0.2.250";

/**
 * A real etcd with TLS and client certificates, in a namespace, with a folder of its own that goes with it. With several addresses
 * it is a cluster of a member on each.
 */
export class EtcdServer {
  readonly #namespace: string;
  /** Of the members. */
  readonly #addresses: readonly string[];
  readonly #folder = mkdtempSync(join(tmpdir(), "tocha-etcd-"));
  readonly #children = new Map<string, ChildProcess>();
  #tls: EtcdTls = { certificate: "server", asksClients: true };
  said = "";

  private constructor(namespace: string, addresses: readonly string[]) {
    this.#namespace = namespace;
    this.#addresses = addresses;
  }

  /** Makes its certificates; `start()` starts it. */
  static async prepare(namespace: string, ...addresses: readonly string[]): Promise<EtcdServer> {
    const server = new EtcdServer(namespace, addresses);
    await server.#makeCertificates();
    return server;
  }

  /** Where nodes read their user and its password; the document names it only `withUser`. */
  get userFile(): string {
    return join(this.#folder, "user");
  }

  /** The document's part about it. */
  document({ withUser = false, withCertificate = true, leaseSeconds = 3 } = {}): string {
    const file = (name: string) => join(this.#folder, name);
    const certificate = `  certificateFile: ${file("client.crt")}\n  keyFile: ${file("client.key")}\n`;
    return `arbiter:
  endpoints: [${this.#addresses.map((address) => `"${endpointOf(address)}"`).join(", ")}]
  caFile: ${file("ca.crt")}
${withCertificate ? certificate : ""}${withUser ? `  userFile: ${this.userFile}\n` : ""}  leaseTtl: ${leaseSeconds}s
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

  /** The address of the member that leads, as all living ones see it; undefined while they elect, or do not answer. */
  async leader(): Promise<string | undefined> {
    const said = await Promise.all(
      this.living.map(async (address) => {
        const answer = await this.#ask("maintenance/status", {}, address);
        return { address, id: answer?.header?.member_id, leader: answer?.leader };
      }),
    );
    const [first] = said;
    if (first?.leader === undefined || said.some(({ leader }) => leader !== first.leader)) return undefined;
    return said.find(({ id }) => id === first.leader)?.address;
  }

  /** As the first living member says; undefined without an answer. */
  async key(name: string): Promise<EtcdKey | "none" | undefined> {
    const body = { key: Buffer.from(name).toString("base64") };
    const answer = await this.#ask("kv/range", body, this.living[0] ?? "");
    if (answer === undefined) return undefined;
    const [found] = answer.kvs ?? [];
    if (found === undefined) return "none";
    const value = Buffer.from(found.value, "base64").toString();
    return { value, revision: Number(found.mod_revision), lease: found.lease };
  }

  /** The members that were started, and not killed. */
  get living(): string[] {
    return this.#addresses.filter((address) => this.#children.has(address));
  }

  async #ask(path: string, body: object, address: string): Promise<EtcdAnswer | undefined> {
    try {
      return await this.#call(path, body, ["--max-time", "2"], address);
    } catch {
      // It is starting, or has no leader: whoever asks tries again.
      return undefined;
    }
  }

  async #call(
    path: string,
    body: object,
    options: readonly string[] = [],
    address = this.#addresses[0] ?? "",
  ): Promise<EtcdAnswer> {
    const file = (name: string) => join(this.#folder, name);
    // Tests ask it also while nodes must not believe it.
    const trust = this.#tls.certificate === "server" ? ["--cacert", file("ca.crt")] : ["--insecure"];
    const tls = [...trust, "--cert", file("client.crt"), "--key", file("client.key")];
    const request = ["--silent", "--show-error", "--fail", "--data", JSON.stringify(body)];
    const curl = ["curl", ...tls, ...request, ...options, `${endpointOf(address)}/v3/${path}`];
    return JSON.parse(await runCommand("ip", ["netns", "exec", this.#namespace, ...curl])) as EtcdAnswer;
  }

  /** All members, or some. What they knew they know again. */
  start(addresses = this.#addresses): void {
    for (const address of addresses) this.#startMember(address);
  }

  /** All members end, and come up with this. */
  async restartWith(tls: EtcdTls): Promise<void> {
    await this.kill();
    this.#tls = tls;
    this.start();
  }

  #startMember(address: string): void {
    const file = (name: string) => join(this.#folder, name);
    const { certificate, asksClients } = this.#tls;
    const endpoint = endpointOf(address);
    const peers = this.#addresses.map((one) => `${one}=http://${one}:2380`).join(",");
    const child = spawn(
      "ip",
      [
        ...[
          "netns",
          "exec",
          this.#namespace,
          "etcd",
          "--data-dir",
          file(`data-${address}`),
          "--name",
          address,
        ],
        ...["--listen-client-urls", endpoint, "--advertise-client-urls", endpoint],
        ...["--listen-peer-urls", `http://${address}:2380`, "--log-outputs", "stderr"],
        ...["--initial-advertise-peer-urls", `http://${address}:2380`, "--initial-cluster", peers],
        ...["--cert-file", file(`${certificate}.crt`), "--key-file", file(`${certificate}.key`)],
        ...(asksClients ? ["--client-cert-auth", "--trusted-ca-file", file("ca.crt")] : []),
      ],
      { stdio: ["ignore", "ignore", "pipe"] },
    );
    this.#children.set(address, child);
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.said = (this.said + text).slice(-10_000);
    });
  }

  /** All members stand still, with their connections open, or go on. */
  hang(does: boolean): void {
    for (const child of this.#children.values()) child.kill(does ? "SIGSTOP" : "SIGCONT");
  }

  /** All members, or some. */
  async kill(addresses = this.#addresses): Promise<void> {
    await Promise.all(addresses.map((address) => this.#killMember(address)));
  }

  async #killMember(address: string): Promise<void> {
    const child = this.#children.get(address);
    this.#children.delete(address);
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
    for (const authority of ["ca", "stranger-ca"])
      await openssl(
        ...["req", "-x509", ...newKey, "-days", "2", "-subj", "/CN=arbiter CA"],
        ...["-keyout", file(`${authority}.key`), "-out", file(`${authority}.crt`)],
      );
    const own = this.#addresses.map((address) => `IP:${address}`).join(",");
    const others = [`IP:${ELSEWHERE}`, ...this.#addresses.map((address) => `DNS:${address}`)].join(",");
    for (const [name, authority, names, usage] of [
      ["server", "ca", own, "serverAuth,clientAuth"],
      ["client", "ca", own, "clientAuth"],
      ["stranger", "stranger-ca", own, "serverAuth"],
      ["elsewhere", "ca", others, "serverAuth"],
    ] as const) {
      writeFileSync(file("extensions"), `subjectAltName=${names}\nextendedKeyUsage=${usage}\n`);
      // etcd's gateway refuses certificates with a common name.
      const subject = ["-subj", "/O=tocha"];
      await openssl("req", ...newKey, ...subject, "-keyout", file(`${name}.key`), "-out", file("request"));
      await openssl(
        ...["x509", "-req", "-days", "2", "-in", file("request"), "-extfile", file("extensions")],
        ...["-CA", file(`${authority}.crt`), "-CAkey", file(`${authority}.key`), "-CAcreateserial"],
        ...["-out", file(`${name}.crt`)],
      );
    }
  }
}

/** What is read of its answers; numbers of 64 bits are texts. */
interface EtcdAnswer {
  readonly token?: string;
  readonly header?: { readonly member_id?: string };
  readonly leader?: string;
  readonly kvs?: readonly { readonly value: string; readonly mod_revision: string; readonly lease: string }[];
}

function endpointOf(address: string): string {
  return `https://${address}:2379`;
}
