import { labDown, labUp } from "../../../src/lab/lab.ts";
import { defaultLabSettings, type LabSettings } from "../../../src/lab/lab-plan.ts";
import { Stage } from "../../../src/lab/scenarios/stage.ts";
import { ACTIVE, STANDBY } from "../../replication/contenders.ts";
import type { ContenderName } from "../failover-options.ts";
import { FASTEST_PULSES_MS, STREAMS } from "../failover-run.ts";
import { withKeepalived } from "../keepalived-lab.ts";
import { KeepalivedWitness } from "./keepalived-witness.ts";
import { BACKGROUND_FLOWS, type SteadyRun, type SteadyRunOptions, watchUnderLoad } from "./steady-run.ts";
import { TochaWitness } from "./tocha-witness.ts";

/** One contender under load, in a lab of its own. */
export const steadyContenders: Readonly<
  Partial<Record<ContenderName, (options: SteadyRunOptions) => Promise<SteadyRun>>>
> = {
  tocha: steadyTocha,
  "tocha-fastest": (options) => steadyTocha({ ...options, pulseIntervalMs: FASTEST_PULSES_MS }),
  keepalived: (options) => steadyKeepalived(false, options),
  "keepalived-best": (options) => steadyKeepalived(true, options),
};

async function steadyTocha(options: SteadyRunOptions): Promise<SteadyRun> {
  const { name, intervalMs, pulseIntervalMs, signal } = options;
  // As for the others: Debian's example for conntrackd and keepalived is IPv4 only.
  const settings: LabSettings = { ...defaultLabSettings, name, intervalMs, pulseIntervalMs, ipv6: false };
  await labUp(settings, { owned: true, ...(signal === undefined ? {} : { signal }) });
  try {
    const amounts = { connections: STREAMS, backgroundFlows: BACKGROUND_FLOWS };
    const stage = await Stage.set(settings, { ...amounts, signal, log: () => undefined });
    try {
      const witness = new TochaWitness(settings);
      const { watch, probe, streams, machine, background } = stage;
      const lab = { settings, watch, probe, streams, machine, background, witness };
      return await watchUnderLoad(lab, options);
    } finally {
      await stage.close();
    }
  } finally {
    await labDown(name);
  }
}

async function steadyKeepalived(inKernel: boolean, options: SteadyRunOptions): Promise<SteadyRun> {
  const { name, intervalMs, signal } = options;
  return await withKeepalived({ name, intervalMs, inKernel, signal, flows: BACKGROUND_FLOWS }, (lab) => {
    const witness = new KeepalivedWitness(name, [ACTIVE, STANDBY]);
    return watchUnderLoad({ ...lab, witness }, options);
  });
}
