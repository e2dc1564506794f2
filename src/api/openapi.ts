import * as z from "zod";
import { changesSomething, type Operation, parameterNames } from "../contract/operation.ts";
import { PROBLEM_TYPE, problemDetailsSchema } from "./problem-details.ts";

type Json = Record<string, unknown>;

/** The API in OpenAPI 3.1, from the table of operations. Those of the console alone are left out. */
export function openApiDocument(table: Readonly<Record<string, Operation>>, version: string): Json {
  const paths: Record<string, Json> = {};
  for (const [id, operation] of Object.entries(table)) {
    if (operation.console === true) continue;
    const path = paths[operation.path] ?? {};
    path[operation.method.toLowerCase()] = describe(id, operation);
    paths[operation.path] = path;
  }
  return {
    openapi: "3.1.1",
    info: {
      title: "Tocha",
      version,
      summary: "One node of a cluster of NAT gateways; any node answers for all.",
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    servers: [{ url: "/" }],
    security: [{ bearer: [] }],
    paths,
    components: {
      securitySchemes: { bearer: { type: "http", scheme: "bearer" } },
      schemas: { Problem: schemaOf(problemDetailsSchema, "output") },
    },
  };
}

function describe(id: string, operation: Operation): Json {
  const { least, summary, body, bodyOptional = false } = operation;
  const tag = id.split(".")[0] ?? id;
  return {
    ...{ operationId: id, summary, tags: [tag], "x-least-role": least },
    ...(least === "anyone" ? { security: [] } : {}),
    parameters: [...pathParameters(operation), ...queryParameters(operation), ...headerParameters(operation)],
    ...(body === undefined
      ? {}
      : {
          requestBody: {
            required: !bodyOptional,
            content: { "application/json": { schema: schemaOf(body, "input") } },
          },
        }),
    responses: {
      "200": answer(operation),
      default: {
        description: "It was refused, or could not be done (RFC 9457).",
        content: { [PROBLEM_TYPE]: { schema: { $ref: "#/components/schemas/Problem" } } },
      },
    },
  };
}

function answer({ answer, summary, version }: Operation): Json {
  const types = { json: "application/json", lines: "application/x-ndjson", events: "text/event-stream" };
  const [type, schema] =
    answer.kind === "text"
      ? [answer.contentType, { type: "string" }]
      : [types[answer.kind], schemaOf(answer.schema, "output")];
  const etag = { description: "The version of what is shown, for If-Match.", schema: { type: "string" } };
  return {
    description: summary,
    ...(version === "read" ? { headers: { ETag: etag } } : {}),
    content: { [type]: { schema } },
  };
}

function pathParameters(operation: Operation): Json[] {
  return parameterNames(operation).map((name) => {
    return { name, in: "path", required: true, schema: { type: "string" } };
  });
}

function queryParameters({ query }: Operation): Json[] {
  if (query === undefined) return [];
  const { properties = {} } = schemaOf(query, "input") as { properties?: Record<string, Json> };
  return Object.entries(properties).map(([name, schema]) => ({ name, in: "query", required: false, schema }));
}

function headerParameters(operation: Operation): Json[] {
  const { version = "read", answer } = operation;
  const text = { type: "string" };
  const headers: Json[] = [];
  if (version !== "read")
    headers.push({
      ...{ name: "If-Match", in: "header", required: version === "write-required", schema: text },
      description: "The ETag of what is to be changed: refused with 412 when it is another by now.",
    });
  if (changesSomething(operation) && operation.least !== "anyone")
    headers.push({
      ...{ name: "Idempotency-Key", in: "header", required: false },
      schema: { ...text, pattern: "^[A-Za-z0-9_-]{8,64}$" },
      description: "Done once, however often it is sent; GET /v1/operations/KEY tells what has become of it.",
    });
  if (answer.kind === "events")
    headers.push({
      ...{ name: "Last-Event-ID", in: "header", required: false, schema: text },
      description: "Go on after this event.",
    });
  return headers;
}

function schemaOf(schema: z.ZodType, io: "input" | "output"): Json {
  const { $schema: _dialect, ...rest } = z.toJSONSchema(schema, { io });
  return rest;
}
