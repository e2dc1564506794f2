import type { SupportPart } from "../contract/support.ts";

/** What a support bundle holds, and what it does not, for whoever looks through it. */
export function manifestText({
  asOf,
  parts,
  silent,
}: {
  readonly asOf: string;
  readonly parts: readonly SupportPart[];
  readonly silent: readonly { readonly node: string; readonly why: string }[];
}): string {
  return [
    `Support bundle of tocha, ${asOf}`,
    "",
    "It holds addresses, names of devices and nodes, and the document. It holds no keys, no list of connections,",
    "and no arguments of scripts; what looked like a password, token or key was taken out of every text, as was",
    "everything that stands in the key files.",
    ...parts.flatMap(partLines),
    ...(silent.length === 0 ? [] : ["", "Nodes that did not answer:"]),
    ...silent.map(({ node, why }) => `  ${node}: ${why}`),
    "",
  ].join("\n");
}

function partLines({ node, files, leftOut, removed }: SupportPart): string[] {
  const width = Math.max(...[...files, ...leftOut].map(({ name }) => name.length));
  const line = (name: string, text: string) => `  ${name.padEnd(width)}  ${text}`;
  return [
    ...["", `${node}/`],
    ...files.map(({ name, about }) => line(name, about)),
    `  Left out (${removed} secrets were taken out of the texts above):`,
    ...leftOut.map(({ name, why }) => line(name, why)),
  ];
}
