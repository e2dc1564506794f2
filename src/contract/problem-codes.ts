/**
 * Every code of a problem that this layer, the keys and the command line report: stable, for scripts, and
 * listed with the same words in docs/guide/document.md.
 */
export const problemCodes = {
  // The file itself.
  "unreadable-file": "A file is missing, or may not be read.",
  "yaml-syntax": "The text is not YAML.",
  "document-too-large": "The text is longer, deeper or has more aliases than a cluster document may have.",
  "empty-document": "The file holds no document.",
  // The shape of the document.
  "duplicate-key": "A key stands twice in one map.",
  "unknown-key": "A key is not one that the document knows here.",
  "missing-key": "A key that must be there is not.",
  "wrong-type": "A value is of another kind: a text where a number must stand, or the like.",
  "out-of-range":
    "A number, a duration or a list is too small or too large, or not one of the allowed values.",
  "bad-name": "A name has characters that names here may not have, or is too long.",
  "bad-address": "A text is not an IP address, or not one that an interface can have.",
  "bad-network": "A text is not an IP network.",
  "bad-duration": "A text is not a duration, such as 100ms or 60s.",
  "bad-device": "A text is not the name that a network device can have.",
  // Nodes.
  "too-few-nodes": "A cluster has at least one node.",
  "too-many-nodes": "A cluster has at most 16 nodes.",
  "missing-interface": "A node lacks an interface that other nodes have.",
  "duplicate-device": "Two interfaces of one node use the same device.",
  "duplicate-address": "An address is used twice.",
  "overlapping-networks": "Two interfaces of one node have networks that overlap.",
  // The group.
  "one-group": "There is exactly one failover group.",
  "unknown-node": "A name is not that of a node.",
  "unknown-interface": "A name is not that of an interface.",
  "missing-priority": "A node has no priority in the group.",
  "duplicate-priority": "Two nodes have the same priority in the group.",
  "no-virtual-addresses": "The group has no virtual address.",
  "address-outside-network": "A virtual address lies in no network that its interface has on a node.",
  "prefix-length-mismatch": "Two prefix lengths that must be equal differ.",
  "virtual-address-taken": "A virtual address is a node's own address.",
  // Translation.
  "duplicate-id": "Two rules have the same id.",
  "host-bits": "A network has bits set beyond its prefix.",
  "family-mismatch": "IPv4 and IPv6 are mixed where one family must stand.",
  "unknown-nat-address": "A rule translates to an address that is not a virtual address of its interface.",
  "bad-nat-target": "A rule translates to something that cannot be translated to.",
  "overlapping-sources": "A rule never matches because an earlier one matches first.",
  "prefix-on-link": "A prefix for translation lies on the link itself, where nobody would answer for it.",
  // Between the nodes.
  "sync-interface-virtual": "The interface between the nodes carries virtual addresses.",
  "sync-network-mismatch": "The nodes cannot reach each other on the interface between them.",
  "duplicate-port": "Two services use the same port.",
  // Good to know: the document is valid.
  "masquerade-not-kept": "Connections behind a masquerade rule do not survive a takeover.",
  // Keys.
  "keys-exist": "Keys exist already and are not overwritten.",
  "missing-ca-key": "The private key of the cluster's authority is not in this folder.",
  "missing-key-file": "A key or certificate is missing or may not be read.",
  "bad-key-file": "A key file or certificate does not hold what it must hold.",
  // The command line.
  "bad-usage": "The command line is not understood.",
  "node-not-in-document": "The document has no node of this name.",
  "not-root": "The command needs root.",
  "missing-tool": "A program that tocha needs is not installed.",
  "missing-device": "A network device of the document does not exist on this machine.",
  "missing-kernel-feature": "The kernel lacks a feature that tocha needs.",
  "no-running-node": "No running node was found on this machine.",
  "several-nodes": "Several nodes run on this machine: one must be chosen.",
  unavailable: "A node does not answer on its control socket.",
  "bad-answer": "A node answered something that this version does not understand.",
  refused: "A node refused what was asked.",
} as const;

export type ProblemCode = keyof typeof problemCodes;
