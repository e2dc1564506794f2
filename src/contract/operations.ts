import * as z from "zod";
import { accessOperations } from "./access-operations.ts";
import { foreseenChoiceSchema } from "./config-choice.ts";
import {
  adoptRequestSchema,
  afterAnswerSchema,
  afterQuerySchema,
  applyAnswerSchema,
  applyRequestSchema,
  chooseRequestSchema,
  configHistorySchema,
  configSchema,
  configStateSchema,
  historyQueryOfConfigSchema,
  okSchema,
  planRequestSchema,
  prepareRequestSchema,
  stepRequestSchema,
  transactionAnswerSchema,
  transactionRequestSchema,
} from "./config-operations.ts";
import { planSchema } from "./config-plan.ts";
import { revisionSchema } from "./config-revision.ts";
import {
  connectionFilterSchema,
  connectionListQuerySchema,
  connectionSchema,
  connectionTopQuerySchema,
  walkLineSchema,
} from "./connections.ts";
import { doctorReportSchema } from "./doctor.ts";
import { clockSchema, nodeFactsSchema } from "./doctor-facts.ts";
import { historyItemSchema, historyQuerySchema, historySchema } from "./failover-history.ts";
import { foreseenSwitchoverSchema, whySchema } from "./failover-why.ts";
import { keysAnswerSchema, keysRequestSchema } from "./key-exchange.ts";
import { type Operation, operation, says } from "./operation.ts";
import {
  clusterStatusSchema,
  nodeStatusSchema,
  resumeAnswerSchema,
  resumeRequestSchema,
  standbyAnswerSchema,
  standbyRequestSchema,
  switchoverAnswerSchema,
  switchoverRequestSchema,
} from "./status.ts";
import { supportPartSchema, supportQuerySchema } from "./support.ts";

/**
 * Everything that a node can be asked for over HTTP. The control role answers by this table (src/daemon/drivers/
 * operation-dispatch.ts), the client asks by it, and so do the API, its description and its tests.
 *
 * To add one: an entry here, and a handler of the same name in the control role.
 */
export const operations = {
  status: operation({
    ...{ method: "GET", path: "/v1/status", least: "viewer", peers: true },
    summary: "All nodes of the cluster, as this node sees them.",
    answer: { kind: "json", schema: clusterStatusSchema },
  }),
  "node.status": operation({
    ...{ method: "GET", path: "/v1/node", least: "viewer", peers: true },
    summary: "This node alone.",
    answer: { kind: "json", schema: nodeStatusSchema },
  }),
  "node.history": operation({
    ...{ method: "GET", path: "/v1/node/history", least: "viewer", peers: true },
    summary: "The changes of role that this node remembers, the newest first.",
    query: historyQuerySchema,
    answer: { kind: "json", schema: historySchema },
  }),
  "node.standby": operation({
    ...{ method: "POST", path: "/v1/node/standby", least: "operator", peers: true },
    summary: "Sets a node aside for maintenance: it hands over, and becomes active only in need.",
    body: standbyRequestSchema,
    answerKept: true,
    answer: { kind: "json", schema: standbyAnswerSchema },
  }),
  "node.resume": operation({
    ...{ method: "POST", path: "/v1/node/resume", least: "operator", peers: true },
    summary: "Takes a node back that was set aside.",
    body: resumeRequestSchema,
    answerKept: true,
    answer: { kind: "json", schema: resumeAnswerSchema },
  }),
  "node.keys": operation({
    ...{ method: "POST", path: "/v1/node/keys", least: "admin", peers: true, console: true },
    summary:
      "Exchanges the keys of a node, as the authority says; the cluster's secrets go from node to node by it.",
    ...{ body: keysRequestSchema, secrets: ["letter"] },
    // Nodes ask each other every minute.
    onlyAsks: (body) => says("do", "tell")(body) || says("do", "give")(body),
    answer: { kind: "json", schema: keysAnswerSchema },
  }),
  switchover: operation({
    ...{ method: "POST", path: "/v1/switchover", least: "operator", peers: true },
    summary: "Hands the addresses of a group over to another node; with dryRun, only says what would happen.",
    ...{ body: switchoverRequestSchema, bodyOptional: true, onlyAsks: says("dryRun", true) },
    answerKept: true,
    answer: { kind: "json", schema: z.union([foreseenSwitchoverSchema, switchoverAnswerSchema]) },
  }),
  "failover.history": operation({
    ...{ method: "GET", path: "/v1/failover/history", least: "viewer" },
    summary: "The changes of role that all nodes remember, the newest first.",
    query: historyQuerySchema,
    answer: { kind: "json", schema: historySchema },
  }),
  "failover.history.item": operation({
    ...{ method: "GET", path: "/v1/failover/history/{id}", least: "viewer" },
    summary: "One change of role, with what other nodes remember of the same moment.",
    answer: { kind: "json", schema: historyItemSchema },
  }),
  "failover.why": operation({
    ...{ method: "GET", path: "/v1/failover/why", least: "viewer" },
    summary: "Who is active and why, and what would happen if the active died, in sentences.",
    answer: { kind: "json", schema: whySchema },
  }),
  "connections.list": operation({
    ...{ method: "GET", path: "/v1/connections", least: "viewer" },
    summary: "The connections in this node's kernel, one a line while they are found.",
    query: connectionListQuerySchema,
    answer: { kind: "lines", schema: z.union([walkLineSchema, connectionSchema]) },
  }),
  "connections.count": operation({
    ...{ method: "GET", path: "/v1/connections/count", least: "viewer" },
    summary: "How many connections there are of each kind; the last line has the result.",
    query: connectionFilterSchema,
    answer: { kind: "lines", schema: walkLineSchema },
  }),
  "connections.top": operation({
    ...{ method: "GET", path: "/v1/connections/top", least: "viewer" },
    summary: "Who has the most connections; the last line has the result.",
    query: connectionTopQuerySchema,
    answer: { kind: "lines", schema: walkLineSchema },
  }),
  config: operation({
    ...{ method: "GET", path: "/v1/config", least: "viewer", version: "read" },
    summary: "The cluster document as it applies on this node.",
    answer: { kind: "json", schema: configSchema },
  }),
  "config.state": operation({
    ...{ method: "GET", path: "/v1/config/state", least: "viewer", peers: true },
    summary: "The revision of this node, and a change that is under way on it.",
    answer: { kind: "json", schema: configStateSchema },
  }),
  "config.history": operation({
    ...{ method: "GET", path: "/v1/config/history", least: "viewer" },
    summary: "The revisions that this node has, the newest first.",
    query: historyQueryOfConfigSchema,
    answer: { kind: "json", schema: configHistorySchema },
  }),
  "config.revision": operation({
    ...{ method: "GET", path: "/v1/config/history/{revision}", least: "viewer" },
    summary: "One revision with its document, by its number or its id.",
    answer: { kind: "json", schema: revisionSchema.loose() },
  }),
  "config.plan": operation({
    // A large document takes the control role a second: not for everybody.
    ...{ method: "POST", path: "/v1/config/plan", least: "operator", changes: false },
    summary: "What would happen if a document became that of the cluster, in sentences; nothing is changed.",
    body: planRequestSchema,
    answer: { kind: "json", schema: planSchema.loose() },
  }),
  "config.apply": operation({
    ...{ method: "POST", path: "/v1/config/apply", least: "admin", version: "write" },
    summary:
      "Makes a document apply on all nodes that answer, or on none; it is taken back unless it is confirmed.",
    body: applyRequestSchema,
    answerKept: true,
    answer: { kind: "json", schema: applyAnswerSchema },
  }),
  "config.confirm": operation({
    ...{ method: "POST", path: "/v1/config/confirm", least: "admin" },
    summary: "Keeps the change that was made.",
    ...{ body: transactionRequestSchema, bodyOptional: true },
    answerKept: true,
    answer: { kind: "json", schema: transactionAnswerSchema },
  }),
  "config.revert": operation({
    ...{ method: "POST", path: "/v1/config/revert", least: "admin" },
    summary: "Takes the change back that was made and not confirmed yet.",
    ...{ body: transactionRequestSchema, bodyOptional: true },
    answerKept: true,
    answer: { kind: "json", schema: transactionAnswerSchema },
  }),
  "config.choose": operation({
    ...{ method: "POST", path: "/v1/config/choose", least: "admin" },
    summary:
      "Of histories that went apart, lets that of one node count on all nodes; with dryRun, only says what would go away.",
    ...{ body: chooseRequestSchema, onlyAsks: says("dryRun", true) },
    answerKept: true,
    answer: { kind: "json", schema: z.union([foreseenChoiceSchema, transactionAnswerSchema]) },
  }),
  "config.prepare": operation({
    ...{ method: "POST", path: "/v1/config/prepare", least: "admin", peers: true, console: true },
    summary: "Between nodes: checks a revision and keeps it, and changes nothing.",
    body: prepareRequestSchema,
    answer: { kind: "json", schema: okSchema },
  }),
  "config.make": operation({
    ...{ method: "POST", path: "/v1/config/make", least: "admin", peers: true, console: true },
    summary: "Between nodes: makes the prepared change.",
    body: stepRequestSchema,
    answer: { kind: "json", schema: okSchema },
  }),
  "config.settle": operation({
    ...{ method: "POST", path: "/v1/config/settle", least: "admin", peers: true, console: true },
    summary: "Between nodes: keeps the change that was made.",
    body: stepRequestSchema,
    answer: { kind: "json", schema: okSchema },
  }),
  "config.give-up": operation({
    ...{ method: "POST", path: "/v1/config/give-up", least: "admin", peers: true, console: true },
    summary: "Between nodes: takes the change back, or does not make it.",
    body: stepRequestSchema,
    answer: { kind: "json", schema: okSchema },
  }),
  "config.adopt": operation({
    ...{ method: "POST", path: "/v1/config/adopt", least: "admin", peers: true, console: true },
    summary: "Between nodes: lets the history that was chosen count.",
    body: adoptRequestSchema,
    answer: { kind: "json", schema: okSchema },
  }),
  "config.after": operation({
    ...{ method: "GET", path: "/v1/config/after", least: "admin", peers: true, console: true },
    summary: "Between nodes: the revisions that follow one.",
    query: afterQuerySchema,
    answer: { kind: "json", schema: afterAnswerSchema },
  }),
  doctor: operation({
    ...{ method: "GET", path: "/v1/doctor", least: "viewer" },
    summary: "What is wrong or missing on each node, and the commands that help.",
    answer: { kind: "json", schema: doctorReportSchema },
  }),
  "node.doctor": operation({
    ...{ method: "GET", path: "/v1/node/doctor", least: "viewer", peers: true },
    summary: "What this node finds out about itself for the doctor, without judgement.",
    answer: { kind: "json", schema: nodeFactsSchema },
  }),
  "node.clock": operation({
    ...{ method: "GET", path: "/v1/node/clock", least: "viewer", peers: true },
    summary: "What time it is on this node.",
    answer: { kind: "json", schema: clockSchema },
  }),
  support: operation({
    ...{ method: "GET", path: "/v1/support", least: "admin" },
    summary: "What a maintainer needs of one node, without secrets; of this one where none is named.",
    query: supportQuerySchema,
    answer: { kind: "json", schema: supportPartSchema },
  }),
  "node.support": operation({
    ...{ method: "GET", path: "/v1/node/support", least: "admin", peers: true },
    summary: "The same of this node.",
    answer: { kind: "json", schema: supportPartSchema },
  }),
  metrics: operation({
    ...{ method: "GET", path: "/metrics", least: "viewer" },
    summary: "The node's metrics for Prometheus.",
    answer: { kind: "text", contentType: "text/plain" },
  }),
  ...accessOperations,
} as const satisfies Readonly<Record<string, Operation>>;

export type OperationId = keyof typeof operations;

/** The body of a request, once it was checked; undefined where there is none. */
export type BodyOf<Id extends OperationId> = (typeof operations)[Id] extends {
  readonly body: infer Schema extends z.ZodType;
}
  ? z.output<Schema>
  : undefined;

/** An answer of JSON. */
export type AnswerOf<Id extends OperationId> = (typeof operations)[Id] extends {
  readonly answer: { readonly kind: "json"; readonly schema: infer Schema extends z.ZodType };
}
  ? z.output<Schema>
  : never;
