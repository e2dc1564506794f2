import { closestName } from "./closest-name.ts";
import type { DocumentFacts } from "./document-facts.ts";
import { clip } from "./document-scalars.ts";
import type { Finding } from "./finding.ts";
import type { DocumentPath } from "./located-yaml.ts";

/** The interfaces that the nodes have by role; undefined while that cannot be told. */
export function knownInterfaces({ nodes }: DocumentFacts): ReadonlySet<string> | undefined {
  if (nodes.length === 0 || nodes.some((node) => node.interfacesPath === undefined)) return undefined;
  return new Set(nodes.flatMap((node) => node.interfaces.map((one) => one.role)));
}

export function unknownInterface(
  name: string,
  path: DocumentPath,
  known: ReadonlySet<string> | undefined,
): Finding[] {
  if (known === undefined || known.has(name)) return [];
  const message = `no node has an interface "${clip(name)}"`;
  return [
    { code: "unknown-interface", path, on: "value", message, hint: hintFor(name, known, "Interfaces") },
  ];
}

/** "Did you mean", or what there is. */
export function hintFor(name: string, known: ReadonlySet<string>, what: string): string {
  const meant = closestName(name, known);
  if (meant !== undefined) return `Did you mean "${meant}"?`;
  return known.size === 0
    ? `There are no ${what.toLowerCase()}.`
    : `${what}: ${[...known].map(clip).join(", ")}.`;
}
