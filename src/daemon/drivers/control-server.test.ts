import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { it } from "node:test";
import { listenForApi } from "./control-server.ts";

it("a socket is never open to others before it shall be, and the mask of the process is that of before at once", async () => {
  const folder = mkdtempSync(join(tmpdir(), "tocha-control-"));
  const path = join(folder, "control.sock");
  const mode = () => statSync(path).mode & 0o777;
  const mask = process.umask();
  const server = listenForApi(path, {
    ownerOf: () => undefined,
    handle: async () => ({}),
    onError: (text) => assert.fail(text),
  });
  // Whoever starts a program now, such as git, makes files with the usual mask.
  assert.equal(process.umask(), mask);
  assert.equal(mode(), 0o600);
  await once(server, "listening");
  assert.equal(mode(), 0o666);
  server.close();
  rmSync(folder, { recursive: true });
});
