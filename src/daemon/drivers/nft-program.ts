import { spawn } from "node:child_process";
import { nftComplaint } from "../../core/ruleset/nft-complaint.ts";

const NFT_LIMIT_MS = 30_000;
/** Of what nft complains about, so much is read: it repeats the script in it. */
const COMPLAINT_CHARACTERS = 65_536;

export interface NftAnswer {
  /** What went wrong, in nft's words; undefined where it did what it was told. */
  readonly failure: string | undefined;
  readonly output: string;
}

/** Runs nft(8) to its end. */
export function runNft(args: readonly string[], input = ""): Promise<NftAnswer> {
  return new Promise((resolve) => {
    const child = spawn("nft", args, { stdio: ["pipe", "pipe", "pipe"], timeout: NFT_LIMIT_MS });
    let complaint = "";
    const output: Buffer[] = [];
    const end = (failure: string | undefined) =>
      resolve({ failure, output: Buffer.concat(output).toString("utf8") });
    child.stdout.on("data", (chunk: Buffer) => output.push(chunk));
    child.stderr.on("data", (chunk: Buffer) => {
      complaint = (complaint + chunk.toString()).slice(0, COMPLAINT_CHARACTERS);
    });
    child.stdin.on("error", () => {}); // nft that ends early says why on its standard error.
    child.on("error", (error) => end(`cannot run nft: ${error.message}`));
    child.on("close", (code) =>
      end(code === 0 ? undefined : nftComplaint(complaint) || `nft ended with ${code}`),
    );
    child.stdin.end(input);
  });
}
