import { readFileSync } from "node:fs";
import { readNodeKeys } from "../keys/read-keys.ts";
import type { NodeSettings } from "./node-settings.ts";

/** All that the api role is told. It reads no file: keys are for root. */
export interface ApiSettings {
  readonly node: string;
  readonly device: string;
  readonly addresses: readonly string[];
  readonly port: number;
  readonly requestsPerSecond: number;
  /** PEM. */
  readonly certificate: string;
  readonly privateKey: string;
}

/** Reads the certificate and key, anew at each start of the role. @throws where they cannot be read */
export function apiSettings(settings: NodeSettings): ApiSettings {
  const { api, node } = settings;
  if (api === undefined) throw new Error("the document has no API");
  const { device, addresses, port, requestsPerSecond, certificateFile, keyFile } = api;
  const own = readNodeKeys(settings.keysDirectory, node);
  return {
    ...{ node, device, addresses, port, requestsPerSecond },
    certificate: certificateFile === undefined ? own.certificate : readFileSync(certificateFile, "utf8"),
    privateKey: keyFile === undefined ? own.privateKey : readFileSync(keyFile, "utf8"),
  };
}
