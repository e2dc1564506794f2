import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { Problem } from "../../base/problem.ts";
import { pairDocument } from "../../core/config/plans.test-data.ts";
import { ApiUnderTest } from "../api-under-test.test-data.ts";
import { readDocumentOnce } from "../read-document-once.ts";
import { wrongDocument } from "./refused-document.ts";

const wrong = pairDocument
  .replace("cluster: campus", "cluster: campus\nclustre: other")
  .replace("gw2: 100", "gw2: 110");

function refusalOf(text: string): Error {
  const { problems } = readDocumentOnce(text, "wished");
  const [first, ...rest] = problems;
  assert.ok(first !== undefined);
  return wrongDocument([first, ...rest], "wished");
}

describe("a wrong document over the API", () => {
  let api: ApiUnderTest;
  before(async () => {
    api = await ApiUnderTest.start({
      "config.plan": ({ body }) => {
        throw refusalOf(body.text);
      },
    });
  });
  after(() => api.stop());

  it("is told with all its problems, each with its place and what to do (RFC 9457, section 3.2)", async () => {
    const token = api.tokenFor("operator");
    const { status, json, headers } = await api.ask({
      ...{ method: "POST", path: "/v1/config/plan", token, body: { text: wrong } },
    });
    assert.equal(status, 409);
    assert.match(headers["content-type"] ?? "", /^application\/problem\+json/);
    const problems = json["problems"] as Problem[];
    assert.deepEqual(
      problems.map(({ code, line, path, file }) => [code, line, path, file]),
      [
        ["unknown-key", 2, "clustre", undefined],
        [
          "duplicate-priority",
          wrong.split("\n").findIndex((one) => one.includes("gw2: 110")) + 1,
          "groups.main.priorities.gw2",
          undefined,
        ],
      ],
    );
    for (const { message, hint, column } of problems)
      assert.ok(message !== "" && hint !== undefined && (column ?? 0) > 0);
    const { code, line, detail } = json;
    assert.deepEqual([code, line], ["unknown-key", 2]);
    assert.equal(detail, `${problems[0]?.message} (and 1 more)`);
  });
});

describe("wrongDocument", () => {
  it("has a bound, and keeps the names of other files only", () => {
    const problems = Array.from({ length: 150 }, (_, place): Problem => {
      return {
        code: "bad-value",
        message: `${place}`,
        file: place === 1 ? "blocked.txt" : "wished",
        line: 1,
      };
    });
    const [first, ...rest] = problems;
    assert.ok(first !== undefined);
    const { problem } = wrongDocument([first, ...rest], "wished");
    assert.equal(problem.problems?.length, 100);
    assert.deepEqual(
      problem.problems?.slice(0, 3).map(({ file }) => file),
      [undefined, "blocked.txt", undefined],
    );
    assert.equal(problem.message, "0 (and 149 more)");
  });
});
