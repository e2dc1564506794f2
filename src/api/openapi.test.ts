import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Validator } from "@seriousme/openapi-schema-validator";
import type { Operation } from "../contract/operation.ts";
import { operations } from "../contract/operations.ts";
import { openApiDocument } from "./openapi.ts";

const document = openApiDocument(operations, "1.0.0");

describe("the description of the API", () => {
  it("is valid OpenAPI 3.1", async () => {
    const validator = new Validator();
    const result = await validator.validate(structuredClone(document));
    assert.deepEqual(result.errors ?? [], []);
    assert.equal(result.valid, true);
    assert.equal(validator.version, "3.1");
  });

  it("is found wrong where it is wrong", async () => {
    const wrong = structuredClone(document) as { paths: Record<string, { get: { parameters: unknown } }> };
    (wrong.paths["/v1/status"] as { get: { parameters: unknown } }).get.parameters = [
      { name: "x", in: "air" },
    ];
    assert.equal((await new Validator().validate(wrong)).valid, false);
  });

  it("has every operation once, with its parameters and role, and none of the console", () => {
    const described = Object.entries(document["paths"] as Record<string, Record<string, unknown>>).flatMap(
      ([path, methods]) => Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
    );
    const all: readonly Operation[] = Object.values(operations);
    const wanted = all.filter((one) => one.console !== true).map(({ method, path }) => `${method} ${path}`);
    assert.deepEqual(described.sort(), wanted.sort());
    assert.equal(new Set(wanted).size, wanted.length);
  });
});
