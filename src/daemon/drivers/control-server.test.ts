import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, readlinkSync, rmSync, statSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { listenForApi, listenLocally } from "./control-server.ts";
import { type Caller, wayOf } from "./operation-dispatch.ts";

let folder = "";
before(() => {
  folder = mkdtempSync(join(tmpdir(), "tocha-control-"));
});
after(() => rmSync(folder, { recursive: true }));

/** Who a server takes for the caller of a request with these headers. */
async function callerOf(path: string, seen: Caller[], headers: Readonly<Record<string, string>>) {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  request({ socketPath: path, path: "/", headers, agent: false }, (response) => {
    response.resume().on("end", resolve);
  })
    .on("error", reject)
    .end();
  await promise;
  const caller = seen.pop();
  assert.ok(caller);
  return caller;
}

describe("the control socket", () => {
  it("is open to nobody else before it shall be, and no other file is made like that", async () => {
    const path = join(folder, "first.sock");
    const mask = process.umask();
    const server = listenForApi(path, {
      ownerOf: () => undefined,
      handle: async () => ({}),
      onError: assert.fail,
    });
    try {
      assert.equal(statSync(path).mode & 0o777, 0o600);
      // Whoever starts a program now, such as git, makes files with the usual mask.
      assert.equal(process.umask(), mask);
      await once(server, "listening");
      assert.equal(statSync(path).mode & 0o777, 0o666);
    } finally {
      server.close();
    }
  });

  it("knows by which SSH connection a command was given, if it came to this network", async () => {
    const path = join(folder, "second.sock");
    const seen: Caller[] = [];
    const server = listenLocally(
      path,
      async ({ caller }) => {
        seen.push(caller);
        return {};
      },
      assert.fail,
    );
    try {
      const here = readlinkSync("/proc/self/ns/net");
      const connection = "198.51.100.7 53422 10.1.0.2 22";
      const from = async (said: string) => wayOf(await callerOf(path, seen, { "x-tocha-from": said }));
      const way = { by: "ssh", address: "198.51.100.7", to: "10.1.0.2", port: 22 };
      assert.deepEqual(await from(`${connection} ${here}`), way);
      for (const said of [connection, `${connection} net:[1]`, `somewhere ${here}`, "", "x".repeat(5_000)])
        assert.equal(await from(said), undefined, said.slice(0, 40));
    } finally {
      server.close();
    }
  });
});
