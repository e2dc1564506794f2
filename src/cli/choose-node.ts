import { hostname } from "node:os";
import { ProblemError } from "../base/problem.ts";
import { closestName } from "../contract/closest-name.ts";
import type { ClusterDocument, ClusterNode } from "../contract/cluster-document.ts";

export type NamedNode = ClusterNode & { readonly name: string };

/** The node that was named, or the one whose name is the host name (without its domain). */
export function chooseNode(document: ClusterDocument, wish: string | undefined): NamedNode {
  const host = hostNodeName();
  const name = wish ?? host;
  const node = document.nodes[name];
  if (node !== undefined && Object.hasOwn(document.nodes, name)) return { name, ...node };
  const names = Object.keys(document.nodes);
  const meant = closestName(name, names);
  throw new ProblemError({
    code: "node-not-in-document",
    message:
      wish === undefined
        ? `the document has no node with the name of this host, "${host}"`
        : `the document has no node "${wish.slice(0, 60)}"`,
    hint: `Say which one this machine is: --node ${meant ?? names[0] ?? "NAME"}. The document has ${names.join(", ")}.`,
  });
}

/** The host name, without its domain. */
export function hostNodeName(): string {
  return (hostname().split(".")[0] ?? "").toLowerCase();
}
