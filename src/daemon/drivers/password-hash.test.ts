import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { checkPassword, hashPassword } from "./password-hash.ts";

describe("password hashes", () => {
  it("know their password, however it was typed, and no other", async () => {
    const kept = await hashPassword("senha cómoda longa");
    assert.notEqual(kept, await hashPassword("senha cómoda longa"));
    assert.equal(await checkPassword("senha cómoda longa".normalize("NFD"), kept), true);
    assert.equal(await checkPassword("senha comoda longa", kept), false);
  });

  it("carry their parameters: others still count later", async () => {
    // RFC 7914 12: scrypt("pleaseletmein", "SodiumChloride", N=16384, r=8, p=1, 64 bytes).
    const hash =
      "7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2d5432955613f0fcf62d49705242a9af9e61e85dc0d651e40dfcf017b45575887";
    const kept = `scrypt$N=16384,r=8,p=1$${btoa("SodiumChloride")}$${Buffer.from(hash, "hex").toString("base64")}`;
    assert.equal(await checkPassword("pleaseletmein", kept), true);
    assert.equal(await checkPassword("pleaseletmeout", kept), false);
  });

  it("that are none let nobody in, and take no memory", async () => {
    const [, , salt = "", hash = ""] = (await hashPassword("x")).split("$");
    for (const kept of [
      null,
      undefined,
      "",
      "x",
      `scrypt$N=1073741824,r=8,p=1$${salt}$${hash}`,
      `scrypt$N=2,r=1,p=1$${salt}$`,
    ])
      assert.equal(await checkPassword("", kept), false, String(kept));
  });
});
