import { formatDurationMs } from "../../base/duration.ts";
import { type DoctorCheck, finding, hasOthers } from "./examination.ts";

const DAY_MS = 86_400_000;
const NODE_WARNING_DAYS = 30;
const NODE_ERROR_DAYS = 7;
/** Every certificate of the cluster must be made anew with it: that takes planning. */
const AUTHORITY_WARNING_DAYS = 90;

export const certificateCheck: DoctorCheck = {
  name: "certificates",
  needsRoot: true,
  good: "the keys fit, and the certificates last",
  find: (node, { nowMs }) => {
    const { problem, nodeEnds, authorityEnds, directory } = node.certificates;
    const issue = `cd ${directory} && mkdir old && mv ${node.node}.crt ${node.node}.key old && tocha keys issue ${node.node} -d .`;
    if (problem !== null) {
      return [
        finding(node, "error", "keys-unusable", {
          on: directory,
          what: problem.message,
          why: `Without keys that fit, the node does not start, and the others do not speak to it. ${problem.hint}`,
          command: `ls -l ${directory}`,
        }),
      ];
    }
    const found = [];
    const days = daysUntil(nodeEnds, nowMs);
    if (days < NODE_WARNING_DAYS) {
      found.push(
        finding(node, days < NODE_ERROR_DAYS ? "error" : "warning", "certificate-ends", {
          on: `${directory}/${node.node}.crt`,
          what: `the certificate of ${node.node} ends in ${daysText(days)}, on ${nodeEnds?.slice(0, 10)}`,
          why: "From then on the other nodes refuse its connections: nothing is mirrored. Issue it where ca.key is, copy it here, and start the daemon again.",
          command: issue,
        }),
      );
    }
    const authorityDays = daysUntil(authorityEnds, nowMs);
    if (authorityDays < AUTHORITY_WARNING_DAYS) {
      found.push(
        finding(node, authorityDays < NODE_ERROR_DAYS ? "error" : "warning", "authority-ends", {
          on: `${directory}/ca.crt`,
          what: `the certificate of the cluster's authority ends in ${daysText(authorityDays)}, on ${authorityEnds?.slice(0, 10)}`,
          why: "From then on no certificate of the cluster is good. All nodes need new keys, in one maintenance.",
          command: "tocha keys init -d ./new-keys && tocha keys issue -d ./new-keys NODE...",
        }),
      );
    }
    return found;
  },
};

function daysUntil(end: string | null, nowMs: number): number {
  return end === null ? Number.POSITIVE_INFINITY : (Date.parse(end) - nowMs) / DAY_MS;
}

function daysText(days: number): string {
  return days < 1 ? "less than a day" : `${Math.floor(days)} day${days < 2 ? "" : "s"}`;
}

export const authorityCheck: DoctorCheck = {
  name: "authority",
  good: "all nodes have the same authority",
  isTelling: hasOthers,
  find: (node, { nodes, from }) => {
    const asking = nodes.find((one) => one.node === from) ?? node;
    const [own, other] = [node.certificates.authority, asking.certificates.authority];
    if (own === null || other === null || own === other) return [];
    return [
      finding(node, "error", "authority-differs", {
        on: `${node.certificates.directory}/ca.crt`,
        what: `ca.crt is not that of ${asking.node}: its SHA-256 begins with ${own.slice(0, 11)}, the other's with ${other.slice(0, 11)}`,
        why: "As soon as a daemon starts again, the nodes refuse each other's certificates.",
        command: `openssl x509 -noout -fingerprint -sha256 -in ${node.certificates.directory}/ca.crt`,
      }),
    ];
  },
};

export const equalityCheck: DoctorCheck = {
  name: "equality",
  good: "all nodes run the same document on the same version",
  isTelling: hasOthers,
  find: (node, { nodes, from }) => {
    const asking = nodes.find((one) => one.node === from);
    if (asking === undefined || asking === node) return [];
    const found = [];
    if (asking.revision !== node.revision) {
      found.push(
        finding(node, "error", "revision-differs", {
          on: "the document",
          what: `${node.node} runs revision ${node.revision}, ${asking.node} runs ${asking.revision}`,
          why: "After a takeover other rules and addresses would hold.",
          command: `tocha status -o json | jq '.nodes[] | {name, revision}'`,
        }),
      );
    }
    if (asking.version !== node.version) {
      found.push(
        finding(node, "warning", "version-differs", {
          on: "tocha",
          what: `${node.node} runs tocha ${node.version}, ${asking.node} runs ${asking.version}`,
          why: "Nodes of neighbouring versions work together, so that they can be updated in turn; it is not meant to last.",
          command: "tocha version",
        }),
      );
    }
    if (asking.nodejs !== node.nodejs) {
      found.push(
        finding(node, "note", "runtime-differs", {
          on: "Node.js",
          what: `${node.node} runs on Node.js ${node.nodejs}, ${asking.node} on ${asking.nodejs}`,
          why: "It was tested with one; a difference helps to explain another.",
          command: "tocha version",
        }),
      );
    }
    return found;
  },
};

/** Certificates, logs and histories bear with less. */
const SKEW_WARNING_MS = 500;
const SKEW_ERROR_MS = 60_000;

export const clockCheck: DoctorCheck = {
  name: "clock",
  good: "the clock is kept right, and agrees with that of the node that asks",
  find: (node, { clocks, from, nodes }) => {
    const found = [];
    if (node.clock.synchronised === false) {
      found.push(
        finding(node, "note", "clock-not-synchronised", {
          on: "clock",
          what: "the kernel says that its clock is not synchronised",
          why: "Failover does not go by the clock; but logs of two nodes can only be compared when their clocks agree, and certificates end by it.",
          command: "timedatectl set-ntp true; timedatectl timesync-status || chronyc tracking",
        }),
      );
    }
    if (node.node === from || nodes.every((one) => one.node !== from)) return found;
    const clock = clocks.find((one) => one.node === node.node);
    if (clock === undefined) {
      found.push(
        finding(node, "note", "clock-unknown", {
          on: "clock",
          what: `the clock of ${node.node} could not be compared with that of ${from}`,
          why: "It did not answer in time, or is of a version that does not tell.",
          command: "date --utc --iso-8601=ns",
        }),
      );
      return found;
    }
    const { offsetMs, errorMs } = clock;
    // No less than this, whatever the network did to question and answer.
    const leastMs = Math.abs(offsetMs) - errorMs;
    if (leastMs < SKEW_WARNING_MS) return found;
    const direction = offsetMs > 0 ? "ahead of" : "behind";
    found.push(
      finding(node, leastMs >= SKEW_ERROR_MS ? "error" : "warning", "clock-skew", {
        on: "clock",
        what: `the clock is ${formatDurationMs(Math.abs(offsetMs))} ${direction} that of ${from}, give or take ${formatDurationMs(errorMs)}`,
        why: "Logs and histories of the nodes do not fit together, and certificates may count as not yet, or no more, good.",
        command: "timedatectl set-ntp true; timedatectl timesync-status || chronyc tracking",
      }),
    );
    return found;
  },
};
