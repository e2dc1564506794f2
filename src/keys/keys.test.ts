import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { connect, createServer } from "node:tls";
import { ProblemError } from "../base/problem.ts";
import type { problemCodes } from "../contract/problem-codes.ts";
import { initKeys, issueKeys } from "./key-files.ts";
import { type NodeKeys, nodeDnsName, readNodeKeys } from "./read-keys.ts";

let root = "";
const folder = (name: string) => join(root, name);

before(async () => {
  root = mkdtempSync(join(tmpdir(), "tocha-keys-"));
  await initKeys(folder("cluster"), "gw1");
  await issueKeys(folder("cluster"), "gw2");
  await initKeys(folder("foreign"), "gw1");
});

after(() => rmSync(root, { recursive: true }));

function refusal(code: keyof typeof problemCodes, part: string) {
  return (error: unknown) => {
    assert.ok(error instanceof ProblemError, String(error));
    assert.equal(error.problem.code, code);
    assert.ok(
      `${error.problem.message} ${error.problem.hint}`.includes(part),
      `${error.problem.message} ${error.problem.hint}`,
    );
    return true;
  };
}

describe("keys on disk", () => {
  it("are for root only, and say what they are", () => {
    for (const name of ["ca.crt", "ca.key", "cluster.key", "gw1.crt", "gw1.key", "gw2.crt", "gw2.key"]) {
      assert.equal(statSync(join(folder("cluster"), name)).mode & 0o777, 0o600, name);
    }
    const keys = readNodeKeys(folder("cluster"), "gw2");
    assert.equal(keys.clusterKeys[0].length, 32);
    const certificate = new X509Certificate(keys.certificate);
    assert.equal(certificate.subjectAltName, "DNS:gw2.tocha");
    assert.deepEqual(certificate.keyUsage, ["1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2"]);
    assert.equal(certificate.ca, false);
    assert.equal(new X509Certificate(keys.caCertificate).ca, true);
    const years = (certificate.validToDate.getTime() - Date.now()) / (365.25 * 86_400_000);
    assert.ok(years > 1.9 && years < 2.1);
  });

  it("are never overwritten", async () => {
    const before = readFileSync(join(folder("cluster"), "gw2.key"), "utf8");
    await assert.rejects(initKeys(folder("cluster")), refusal("keys-exist", "ca.crt"));
    await assert.rejects(issueKeys(folder("cluster"), "gw2"), refusal("keys-exist", "gw2.crt"));
    assert.equal(readFileSync(join(folder("cluster"), "gw2.key"), "utf8"), before);
  });

  it("are issued only where the authority is, and only for names", async () => {
    await assert.rejects(issueKeys(folder("nothing"), "gw1"), refusal("missing-ca-key", "tocha keys init"));
    await assert.rejects(issueKeys(folder("cluster"), "../gw3"), refusal("bad-name", "small letters"));
    writeFileSync(join(folder("foreign"), "ca.key"), readFileSync(join(folder("cluster"), "ca.key")));
    await assert.rejects(issueKeys(folder("foreign"), "gw2"), refusal("bad-key-file", "does not belong"));
  });

  it("are refused when they are missing, open, damaged, or do not fit together", () => {
    const directory = folder("cluster");
    const change = (name: string, content: string | Buffer, check: () => void) => {
      const path = join(directory, name);
      const original = readFileSync(path);
      writeFileSync(path, content);
      try {
        check();
      } finally {
        writeFileSync(path, original);
      }
    };
    const file = (name: string) => readFileSync(join(directory, name));
    const refused = (node: string, code: keyof typeof problemCodes, part: string) => () =>
      assert.throws(() => readNodeKeys(directory, node), refusal(code, part));
    refused("gw3", "missing-key-file", "tocha keys issue gw3")();
    change("cluster.key", "abc", refused("gw1", "bad-key-file", "64 hexadecimal digits"));
    change("gw1.key", "no PEM", refused("gw1", "bad-key-file", "PEM"));
    change("gw1.key", file("gw2.key"), refused("gw1", "bad-key-file", "does not belong to gw1.crt"));
    change(
      "ca.crt",
      readFileSync(join(folder("foreign"), "ca.crt")),
      refused("gw1", "bad-key-file", "not signed"),
    );
    change("gw1.crt", file("gw2.crt"), () =>
      change("gw1.key", file("gw2.key"), refused("gw1", "bad-key-file", "not the certificate of gw1")),
    );
    chmodSync(join(directory, "gw1.key"), 0o640);
    refused("gw1", "bad-key-file", "chmod 600")();
    chmodSync(join(directory, "gw1.key"), 0o600);
    assert.ok(readNodeKeys(directory, "gw1"));
  });
});

describe("mutual TLS with the keys", () => {
  const options = (keys: NodeKeys) => ({
    ca: keys.caCertificate,
    cert: keys.certificate,
    key: keys.privateKey,
    minVersion: "TLSv1.3" as const,
  });

  /** What each end says about a handshake: `content`, or why not. */
  async function handshake(
    server: NodeKeys,
    client: NodeKeys,
    name: string,
  ): Promise<{ server: string; client: string }> {
    const [theirs, ours] = [Promise.withResolvers<string>(), Promise.withResolvers<string>()];
    const reason = (error: Error & { code?: string }) => error.code ?? error.message;
    const listener = createServer(
      { ...options(server), requestCert: true, rejectUnauthorized: true },
      (socket) => {
        socket.on("error", (error) => theirs.resolve(reason(error)));
        socket.on("data", () => theirs.resolve("content"));
        socket.on("close", () => theirs.resolve("closed"));
        socket.write("welcome");
      },
    );
    listener.on("tlsClientError", (error) => theirs.resolve(reason(error)));
    listener.listen(0, "127.0.0.1");
    await once(listener, "listening");
    const { port } = listener.address() as AddressInfo;
    const socket = connect({ ...options(client), host: "127.0.0.1", port, servername: name });
    // With TLS 1.3 the client is done before the server has judged: only data tells.
    socket.on("data", () => socket.write("thanks", () => ours.resolve("content")));
    socket.on("error", (error) => ours.resolve(reason(error)));
    socket.on("close", () => ours.resolve("closed"));
    const result = { client: await ours.promise, server: await theirs.promise };
    socket.destroy();
    listener.close();
    return result;
  }

  it("accepts the nodes of the cluster, in both directions", async () => {
    const [gw1, gw2] = [readNodeKeys(folder("cluster"), "gw1"), readNodeKeys(folder("cluster"), "gw2")];
    assert.deepEqual(await handshake(gw1, gw2, nodeDnsName("gw1")), { server: "content", client: "content" });
    assert.deepEqual(await handshake(gw2, gw1, nodeDnsName("gw2")), { server: "content", client: "content" });
  });

  it("refuses another name, and a foreign authority on either side", async () => {
    const gw1 = readNodeKeys(folder("cluster"), "gw1");
    const gw2 = readNodeKeys(folder("cluster"), "gw2");
    const foreign = readNodeKeys(folder("foreign"), "gw1");
    assert.equal((await handshake(gw1, gw2, nodeDnsName("gw2"))).client, "ERR_TLS_CERT_ALTNAME_INVALID");
    assert.equal((await handshake(foreign, gw2, nodeDnsName("gw1"))).client, "SELF_SIGNED_CERT_IN_CHAIN");
    // This foreign node trusts our server, but our server must not trust it.
    const spy = { ...foreign, caCertificate: gw1.caCertificate };
    const { server, client } = await handshake(gw1, spy, nodeDnsName("gw1"));
    assert.notEqual(server, "content");
    assert.notEqual(client, "content");
  });
});
