import { isUtf8 } from "node:buffer";
import { readFileSync, statSync } from "node:fs";
import { resolve } from "node:path";

/** Larger files are no lists of addresses. */
const BYTES_MAX = 8_388_608;

/** Reads files that a document names (`ReadFile` of src/contract/set-file.ts), relative to the document's folder. */
export function documentFiles(
  documentDirectory: string,
): (path: string) => { readonly text: string; readonly name: string } | { readonly failed: string } {
  return (path) => {
    const name = resolve(documentDirectory, path);
    try {
      const about = statSync(name);
      // A pipe or a device would be waited for.
      if (!about.isFile()) return { failed: `${name} is no file` };
      if (about.size > BYTES_MAX) return { failed: `${name} has more than ${BYTES_MAX} bytes` };
      const bytes = readFileSync(name);
      return isUtf8(bytes)
        ? { text: bytes.toString("utf8"), name }
        : { failed: `${name} is not a text in UTF-8` };
    } catch (error) {
      const code = error instanceof Error && "code" in error ? error.code : undefined;
      if (code === "ENOENT") return { failed: `${name} does not exist` };
      if (code === "EACCES") return { failed: `${name} may not be read` };
      return { failed: error instanceof Error ? error.message : String(error) };
    }
  };
}
