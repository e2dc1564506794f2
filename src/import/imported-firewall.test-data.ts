import { parse } from "yaml";
import { importCluster } from "./import-cluster.ts";

const keepalived = `vrrp_instance VI_1 {
  interface lan
  virtual_router_id 51
  version 3
  virtual_ipaddress {
    10.1.0.1/24
    192.0.2.1/24 dev wan
  }
}
`;

interface Imported {
  readonly nat?: { readonly forward?: readonly unknown[] };
  readonly sets?: Readonly<Record<string, { readonly elements: readonly unknown[] }>>;
  readonly firewall?: Readonly<
    Record<
      string,
      { readonly default: string; readonly rules?: readonly Readonly<Record<string, unknown>>[] }
    >
  >;
  readonly logging?: unknown;
}

/** The document made of rules, and what was said of each line: kind, line and why. */
export function imported(...nodes: readonly string[]) {
  const names = nodes.map((_, index) => `gw${index + 1}`);
  const { text, remarks, problems, missing } = importCluster({
    cluster: "campus",
    nodes: nodes.map((rules, index) => ({
      name: `gw${index + 1}`,
      files: [
        { file: "keepalived.conf", text: keepalived },
        { file: index === 0 ? "rules" : `rules${index + 1}`, text: rules },
      ],
    })),
    devices: [{ role: "sync", device: "sync" }],
    addresses: names.flatMap((node, index) => [
      { node, interface: "lan", address: `10.1.0.${index + 2}/24` },
      { node, interface: "wan", address: `192.0.2.${index + 2}/24` },
      { node, interface: "sync", address: `10.255.0.${index + 1}/24` },
    ]),
    without: [],
    include: () => [],
  });
  if (problems.length + missing.length > 0) throw new Error(JSON.stringify({ problems, missing }));
  const said = remarks.filter(({ file }) => file.startsWith("rules"));
  return {
    document: parse(text ?? "") as Imported,
    said: said.map(({ file, kind, line, why }) => `${file.slice(5)}${line} ${kind}: ${why}`),
    opened: said.filter(({ kind }) => kind === "opened").map(({ file, line }) => `${file.slice(5)}${line}`),
    lost: said.filter(({ kind }) => kind === "lost").map(({ file, line }) => `${file.slice(5)}${line}`),
  };
}

/** A chain for what is forwarded, whose rules begin in line 4. */
export function forwardChain(rules: string, { policy = "drop", more = "" } = {}): string {
  return `table inet filter {
 chain forward { type filter hook forward priority filter; policy ${policy};
 ct state established,related accept
${rules}
 }
 ${more}
}`;
}

/** The rules of firewall.forward in few words. */
export function forwardRules(rules: string, options = {}) {
  const { document, ...said } = imported(forwardChain(rules, options));
  const chain = document.firewall?.["forward"];
  const list = (chain?.rules ?? []).map(({ id, ...rest }) => ({
    ...(/^forward-/.test(String(id)) ? {} : { id }),
    ...rest,
  }));
  return { list, chain, document, ...said };
}
