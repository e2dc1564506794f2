import { validIp } from "../base/ip.ts";
import type { GroupPolicy } from "../core/status/group-policy.ts";
import type { NodeSettings } from "./node-settings.ts";

/** What the document says of each group, for whoever explains what becomes of it. */
export function groupPolicies({ groups, pulsePaths }: NodeSettings): GroupPolicy[] {
  return groups.map((group) => {
    const addresses = Object.entries(group.addresses).map(([node, texts]) => [node, texts.map(validIp)]);
    const paths = pulsePaths.filter((path) => path.groups.includes(group.name)).map(({ name }) => name);
    return {
      ...group,
      addresses: Object.fromEntries(addresses),
      pulsesOnAllFaces: group.faces.every(({ name }) => paths.includes(name)),
    };
  });
}
