import { arbiterTarget } from "./arbiter-target.ts";
import { conntrackTarget, expectationTarget, flowRecordTarget, flowSyncTarget } from "./flow-targets.ts";
import { arpTarget, echoReplyTarget, ndpTarget, solicitationTarget, vrrpTarget } from "./frame-targets.ts";
import type { MakeTarget } from "./fuzz-target.ts";
import { historyTarget } from "./history-target.ts";
import { importTarget } from "./import-target.ts";
import {
  acknowledgementTarget,
  addressTarget,
  attributesTarget,
  linkTarget,
  netlinkTarget,
  routeTarget,
} from "./netlink-targets.ts";
import { pulseTarget } from "./pulse-target.ts";
import { logPositionTarget, resumeFileTarget, sourceStreamTarget } from "./replication-targets.ts";

/** Every decoder that reads what others have written. */
export const allTargets: Readonly<Record<string, MakeTarget>> = {
  vrrp: () => vrrpTarget(3),
  "vrrp-2": () => vrrpTarget(2),
  arp: arpTarget,
  ndp: ndpTarget,
  "echo-reply": () => echoReplyTarget(4),
  "echo-reply-6": () => echoReplyTarget(6),
  solicitation: solicitationTarget,
  pulse: pulseTarget,
  arbiter: arbiterTarget,
  "flow-sync": flowSyncTarget,
  "source-stream": sourceStreamTarget,
  "log-position": logPositionTarget,
  "resume-file": resumeFileTarget,
  "failover-history": historyTarget,
  import: importTarget,
  "flow-record": flowRecordTarget,
  conntrack: conntrackTarget,
  expectation: expectationTarget,
  netlink: netlinkTarget,
  attributes: attributesTarget,
  acknowledgement: acknowledgementTarget,
  link: linkTarget,
  address: addressTarget,
  route: routeTarget,
};
