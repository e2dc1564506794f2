import * as z from "zod";
import { closestName } from "./closest-name.ts";
import { type ClusterDocument, clusterDocumentSchema } from "./cluster-document.ts";
import { clip, type ScalarKind, scalarKinds } from "./document-scalars.ts";
import { type Finding, formatPath } from "./finding.ts";
import type { DocumentPath } from "./located-yaml.ts";
import { listWords } from "./one-or-many.ts";
import { type ProblemCode, problemCodes } from "./problem-codes.ts";

/** Checks keys, types and ranges against the schema, and says what is wrong in words for people. */
export function checkShape(value: unknown): { document?: ClusterDocument; findings: readonly Finding[] } {
  const result = clusterDocumentSchema.safeParse(value);
  if (result.success) return { document: result.data, findings: [] };
  const findings = result.error.issues.flatMap((issue) => findingsOf(issue, [], value));
  return { findings: withoutConsequences(findings) };
}

/**
 * A mistyped key is also a missing one, and what is of another kind has not the right size either: that is one mistake, and the
 * first says more.
 */
function withoutConsequences(findings: readonly Finding[]): Finding[] {
  const meant = new Set(
    findings.flatMap(({ code, path }) => {
      if (code !== "unknown-key") return [];
      const around = path.slice(0, -1);
      const closest = closestName(String(path.at(-1)), knownKeys(around));
      return closest === undefined ? [] : [formatPath([...around, closest])];
    }),
  );
  const ofOtherKind = new Set(
    findings.flatMap(({ code, path }) => (code === "wrong-type" ? [formatPath(path)] : [])),
  );
  return findings.filter(({ code, path }) => {
    if (code === "missing-key") return !meant.has(formatPath(path));
    return code !== "out-of-range" || !ofOtherKind.has(formatPath(path));
  });
}

type Issue = z.core.$ZodIssue;

function findingsOf(issue: Issue, prefix: DocumentPath, root: unknown): Finding[] {
  const path = [...prefix, ...issue.path.map((step) => (typeof step === "number" ? step : String(step)))];
  const given = valueAt(root, path);
  switch (issue.code) {
    case "unrecognized_keys":
      return issue.keys.map((key) => unknownKey(path, key));
    case "invalid_key":
      // The name itself was refused: the check of ours inside says why.
      return issue.issues
        .flatMap((inner) => findingsOf(inner, path, root))
        .map((one) => ({ ...one, on: "key" }));
    case "invalid_union": {
      // One thing or a list of them: only the branch of the kind that was written is of interest.
      const branch = issue.errors.find(
        (errors) => !errors.some((error) => error.code === "invalid_type" && error.path.length === 0),
      );
      if (branch !== undefined) return branch.flatMap((inner) => findingsOf(inner, path, root));
      const words = listWords.get(schemaAt(path) ?? clusterDocumentSchema)?.words;
      return [
        given === undefined
          ? missingKey(path)
          : wrongType(path, given, words ?? kindWords(path, "of another kind")),
      ];
    }
    case "invalid_type":
      if (given === undefined) return [missingKey(path)];
      if (issue.expected === "int" && typeof given === "number")
        return [outOfRange(path, `${given} is not a whole number`, path)];
      return [wrongType(path, given, kindWords(path, issue.expected))];
    case "too_small":
    case "too_big":
      return [outOfRange(path, sizeWords(issue, given), path)];
    case "invalid_value": {
      if (given === undefined) return [missingKey(path)];
      const allowed = issue.values.map(String).join(", ");
      return [outOfRange(path, `${typeWords(given)} is not one of ${allowed}`, path)];
    }
    case "custom": {
      const { code, hint } = faultOf(issue.params);
      return [{ code, path, on: "value", message: issue.message, hint }];
    }
    default:
      return [{ code: "wrong-type", path, on: "value", message: issue.message, hint: describe(path) }];
  }
}

/** What our own checks attach to an issue (document-scalars.ts). */
function faultOf(params: Record<string, unknown> | undefined): { code: ProblemCode; hint: string } {
  const code = params?.["code"];
  const hint = params?.["hint"];
  const known = typeof code === "string" && code in problemCodes;
  return { code: known ? (code as ProblemCode) : "wrong-type", hint: typeof hint === "string" ? hint : "" };
}

function unknownKey(path: DocumentPath, key: string): Finding {
  const known = knownKeys(path);
  const closest = closestName(key, known);
  const where = path.length === 0 ? "the document" : formatPath(path);
  return {
    code: "unknown-key",
    path: [...path, key],
    on: "key",
    message: `${where} has no key "${clip(key)}"`,
    hint: closest === undefined ? `Keys here: ${known.join(", ")}.` : `Did you mean "${closest}"?`,
  };
}

function missingKey(path: DocumentPath): Finding {
  const where = path.length === 1 ? "the document" : formatPath(path.slice(0, -1));
  const key = String(path.at(-1) ?? "");
  // The place of the map that lacks the key is what the reader must see.
  return {
    code: "missing-key",
    path,
    on: "key",
    message: `${where} lacks "${key}"`,
    hint: `Add ${key}: ${describe(path)}`.trim(),
  };
}

function wrongType(path: DocumentPath, given: unknown, expected: string): Finding {
  const kind = scalarKindAt(path);
  if (kind === "duration" && typeof given === "number") {
    return {
      code: "bad-duration",
      path,
      on: "value",
      message: `${given} has no unit`,
      hint: `Write a number with its unit (ms, s, m, h), such as ${given}ms or ${given}s.`,
    };
  }
  return {
    code: "wrong-type",
    path,
    on: "value",
    message: `${path.length === 0 ? "the document" : formatPath(path)} is ${typeWords(given)}, but must be ${expected}`,
    hint: typeHint(path, given, kind),
  };
}

function typeHint(path: DocumentPath, given: unknown, kind: ScalarKind | undefined): string {
  const expected = schemaAt(path);
  if (kind !== undefined && isObject(given))
    return 'A text with ": " or a ":" at its end needs quotes: "2001:db8::".';
  if (expected instanceof z.ZodArray && typeof given === "string")
    return `Write it as a list: [${clip(given)}].`;
  if (expected instanceof z.ZodNumber && typeof given === "string" && /^[0-9]+$/.test(given))
    return "Write it without quotes.";
  if (expected instanceof z.ZodBoolean) return "Write true or false.";
  if (kind === "name" || expected instanceof z.ZodString)
    return "Write it in quotes if it looks like a number or a truth value.";
  return describe(path);
}

function outOfRange(path: DocumentPath, message: string, at: DocumentPath): Finding {
  return { code: "out-of-range", path, on: "value", message, hint: describe(at) };
}

function sizeWords(issue: z.core.$ZodIssueTooSmall | z.core.$ZodIssueTooBig, given: unknown): string {
  const limit = Number(issue.code === "too_small" ? issue.minimum : issue.maximum);
  const bound = issue.code === "too_small" ? `at least ${limit}` : `at most ${limit}`;
  if (issue.origin === "array")
    return `the list has ${Array.isArray(given) ? given.length : 0} items, but must have ${bound}`;
  if (issue.origin === "string") return `the text must have ${bound} characters`;
  return `${String(given)} is ${issue.code === "too_small" ? "too small" : "too large"}: it must be ${bound}`;
}

function kindWords(path: DocumentPath, expected: string): string {
  const kind = scalarKindAt(path);
  if (kind === "duration") return "a duration, such as 100ms";
  if (kind === "address") return "an address";
  if (kind === "network") return "a network";
  if (kind === "networks") return "a network or a list of networks";
  if (kind === "pool") return "an address, a range of addresses, or a list of such";
  if (kind === "ports") return "a port or a range of ports";
  if (kind === "element") return "a text or a number";
  const words: Record<string, string> = {
    string: "a text",
    number: "a number",
    int: "a whole number",
    boolean: "true or false",
    array: "a list",
    object: "a map",
    record: "a map",
  };
  return words[expected] ?? expected;
}

function typeWords(given: unknown): string {
  if (given === null) return "empty";
  if (Array.isArray(given)) return "a list";
  if (isObject(given)) return "a map";
  if (typeof given === "string") return `the text "${clip(given)}"`;
  if (typeof given === "number") return `the number ${given}`;
  return typeof given === "boolean" ? `the truth value ${given}` : "of another kind";
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function valueAt(root: unknown, path: DocumentPath): unknown {
  let value = root;
  for (const step of path) {
    if (typeof value !== "object" || value === null) return undefined;
    value = Object.getOwnPropertyDescriptor(value, step)?.value;
  }
  return value;
}

/** The schema of the value at a path, without the wrappers for defaults and transformations. */
function schemaAt(path: DocumentPath): z.core.$ZodType | undefined {
  return unwrap(rawSchemaAt(path));
}

function rawSchemaAt(path: DocumentPath): z.core.$ZodType | undefined {
  let schema: z.core.$ZodType | undefined = clusterDocumentSchema;
  for (const step of path) {
    const bare: z.core.$ZodType | undefined = unwrap(schema);
    if (bare instanceof z.ZodObject) schema = bare.shape[String(step)];
    else if (bare instanceof z.ZodRecord) schema = bare.valueType;
    else if (bare instanceof z.ZodArray) schema = bare.element;
    else if (bare instanceof z.ZodUnion) schema = itemOf(bare);
    else return undefined;
  }
  return schema;
}

/** The items of a union: it is one thing, or a list of them. */
function itemOf(union: z.ZodUnion): z.core.$ZodType | undefined {
  return union.options.flatMap((option) => (option instanceof z.ZodArray ? [option.element] : [])).at(0);
}

function unwrap(schema: z.core.$ZodType | undefined): z.core.$ZodType | undefined {
  let bare = schema;
  for (;;) {
    if (bare instanceof z.ZodPipe) bare = bare.in;
    else if (isWrapper(bare)) bare = bare.unwrap();
    else return bare;
  }
}

function isWrapper(schema: unknown): schema is z.ZodDefault | z.ZodPrefault | z.ZodOptional {
  return schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault || schema instanceof z.ZodOptional;
}

function scalarKindAt(path: DocumentPath): ScalarKind | undefined {
  let schema = rawSchemaAt(path);
  for (;;) {
    if (schema === undefined) return undefined;
    const entry = scalarKinds.get(schema);
    if (entry !== undefined) return entry.kind;
    if (schema instanceof z.ZodPipe) schema = schema.in;
    else if (isWrapper(schema)) schema = schema.unwrap();
    else return undefined;
  }
}

function knownKeys(path: DocumentPath): string[] {
  const schema = schemaAt(path);
  return schema instanceof z.ZodObject ? Object.keys(schema.shape) : [];
}

/** What the schema says about the value at a path; of items, and of what has a name, what it says of all of them. */
function describe(path: DocumentPath): string {
  const own = descriptionAt(path);
  return own === "" && path.length > 0 ? descriptionAt(path.slice(0, -1)) : own;
}

function descriptionAt(path: DocumentPath): string {
  let schema = rawSchemaAt(path);
  for (;;) {
    if (schema === undefined) return "";
    const description = z.globalRegistry.get(schema)?.description;
    if (description !== undefined) return description;
    if (schema instanceof z.ZodPipe) schema = schema.in;
    else if (isWrapper(schema)) schema = schema.unwrap();
    else return "";
  }
}
