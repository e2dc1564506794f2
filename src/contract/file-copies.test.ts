import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { goodDocument } from "./bad-documents.test-data.ts";
import type { ClusterDocument } from "./cluster-document.ts";
import { documentRevision } from "./document-revision.ts";
import { splitFileCopies, withFileCopies } from "./file-copies.ts";
import { readDocument } from "./read-document.ts";
import type { ReadFile } from "./set-file.ts";

const text = goodDocument.replace(
  "replication:",
  'sets: { a: { file: a.txt }, b: { kind: ports, file: "x/\\"b\\"\\n.txt" }, c: { file: a.txt } }\nreplication:',
);

function disk(files: Readonly<Record<string, string>>): ReadFile {
  return (path) => {
    const found = files[path];
    return found === undefined ? { failed: "it is not there" } : { text: found, name: `/etc/tocha/${path}` };
  };
}

const files = disk({ "a.txt": "10.0.0.1 # one\r\n\n#| 10.0.0.9\n10.0.0.2", 'x/"b"\n.txt': "80\n" });

function read(whole: string, readFile?: ReadFile): ClusterDocument {
  const { document, problems } = readDocument(whole, "cluster.yaml", readFile);
  assert.ok(document, JSON.stringify(problems));
  return document;
}

describe("copies of files in a document's text", () => {
  const whole = withFileCopies(text, read(text, files), files);

  it("make it the same document without the files", () => {
    assert.equal(documentRevision(read(whole)), documentRevision(read(text, files)));
    assert.deepEqual(read(whole).sets["a"]?.elements, ["10.0.0.1-10.0.0.2"]);
    assert.equal(readDocument(text, "cluster.yaml").problems[0]?.code, "bad-set-file");
  });

  it("leave the text before them as it is, and are replaced by new ones", () => {
    assert.ok(whole.startsWith(text));
    assert.equal(splitFileCopies(whole).own, text);
    const now = disk({ "a.txt": "10.0.0.7\n", 'x/"b"\n.txt': "80\n" });
    const again = withFileCopies(whole, read(whole), now);
    assert.equal(again, withFileCopies(text, read(text, now), now));
    assert.equal(withFileCopies(whole, read(whole), files), whole);
  });

  it("count where the file is not at hand, and the file where it is", () => {
    assert.deepEqual(read(whole, disk({ "a.txt": "10.0.0.7\n" })).sets["a"]?.elements, ["10.0.0.7"]);
    assert.equal(withFileCopies(whole, read(whole), disk({})), whole);
  });

  it("are no part of a text whose document names no file", () => {
    assert.equal(withFileCopies(goodDocument, read(goodDocument), files), goodDocument);
    assert.deepEqual(splitFileCopies(goodDocument), { own: goodDocument, copies: new Map() });
  });

  it("survive lines that end in another way", () => {
    const converted = whole.replaceAll("\n", "\r\n");
    assert.equal(documentRevision(read(converted)), documentRevision(read(whole)));
  });

  it("show mistakes with the name of the file", () => {
    const wrong = readDocument(whole.replace("#| 10.0.0.2", "#| 10.0.0.300"), "cluster.yaml").problems;
    assert.deepEqual(
      wrong.map(({ file, line }) => [file, line]),
      [
        ["a.txt, as the document has it", 4],
        ["a.txt, as the document has it", 4],
      ],
    );
  });

  it("are read again as they were written, whatever the file holds", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 200 }), (content) => {
        const one = withFileCopies(text, read(text, files), disk({ "a.txt": content }));
        const { own, copies } = splitFileCopies(one);
        const ended = content === "" || /[\r\n]$/.test(content) ? content : `${content}\n`;
        assert.equal(own, text);
        assert.equal(copies.get("a.txt"), ended.replace(/\r\n|\r/g, "\n"));
      }),
      { numRuns: 500, seed: 20_261_126 },
    );
  });
});
