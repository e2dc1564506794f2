import type { AddressTools } from "./assemble-addresses.ts";
import type { InstanceGroup } from "./assemble-groups.ts";
import { documentName, durationText, freeName } from "./config-values.ts";
import type { Track } from "./keepalived-instance.ts";
import type { NodeConfig } from "./node-config.ts";

/** The checks of a group, by name. */
export function assembleChecks(
  node: NodeConfig,
  { instances, syncGroup }: InstanceGroup,
  tools: AddressTools,
): Record<string, unknown> {
  const checks: Record<string, unknown> = {};
  const taken = new Set<string>();
  const seen = new Set<string>();
  // In a sync group the weights of its members' tracks are zero, which means that a failure counts fully (keepalived.conf(5)).
  const tracks = [
    ...(syncGroup?.tracks ?? []).map((track) => ({ track, isWeightless: false })),
    ...instances
      .flatMap((one) => one.tracks)
      .map((track) => ({ track, isWeightless: syncGroup !== undefined })),
  ];
  for (const { track, isWeightless } of tracks) {
    const key = `${track.kind} ${track.name}`;
    if (seen.has(key)) continue;
    seen.add(key);
    const check =
      track.kind === "interface"
        ? interfaceCheck(track, node, instances, tools)
        : scriptCheck(track, node, tools);
    if (check === undefined) continue;
    const { weight, ...rest } = check;
    const counted = isWeightless ? 0 : weight;
    if (isWeightless && weight !== 0)
      tools.remarks.changed(track.at, "in a sync group keepalived leaves weights out: the check has a veto");
    else if (weight > 0)
      tools.remarks.changed(
        track.at,
        `a check takes ${weight} away while it fails, instead of adding ${weight} while it is ok`,
      );
    const name = freeName(documentName(track.name, track.kind), taken);
    checks[name] = { ...rest, ...(counted === 0 ? { veto: true } : { weight: Math.abs(counted) }) };
  }
  return checks;
}

type Check = { readonly weight: number } & Readonly<Record<string, unknown>>;

function interfaceCheck(
  track: Track,
  node: NodeConfig,
  instances: InstanceGroup["instances"],
  { interfaces, remarks }: AddressTools,
): Check | undefined {
  if (instances.some((one) => one.device === track.name)) {
    remarks.needless(track.at, "a node hands over by itself when an interface of the group loses its link");
    return undefined;
  }
  const role = interfaces.roleOf(node.name, track.name);
  if (role === undefined) {
    remarks.lost(
      track.at,
      `${track.name.slice(0, 40)} is no interface of the document`,
      `Give every node an own address there: --device NAME=${track.name.slice(0, 15)} --address ${node.name}/NAME=ADDRESS/LENGTH.`,
    );
    return undefined;
  }
  return { kind: "interface", interface: role, weight: track.weight };
}

function scriptCheck(track: Track, node: NodeConfig, { remarks }: AddressTools): Check | undefined {
  const script = node.keepalived.scripts.find((one) => one.name === track.name);
  if (script === undefined) {
    remarks.lost(track.at, `there is no vrrp_script "${track.name.slice(0, 40)}"`);
    return undefined;
  }
  const { command, intervalMs, timeoutMs, rise, fall } = script;
  return {
    kind: "script",
    command,
    interval: durationText(intervalMs),
    ...(timeoutMs === undefined || timeoutMs === intervalMs ? {} : { timeout: durationText(timeoutMs) }),
    ...{ rise, fall },
    weight: track.hasWeight ? track.weight : script.weight,
  };
}
