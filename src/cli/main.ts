import { enableCompileCache } from "node:module";
import { fileURLToPath } from "node:url";

// Compiled sources are kept inside the checkout, where nothing is left behind on the machine; where that folder
// cannot be written the cache is simply off.
enableCompileCache(fileURLToPath(new URL("../../.tocha/compile-cache", import.meta.url)));

const { runProgram } = await import("./program.ts");
await runProgram(process.argv.slice(2));
