import { isUtf8 } from "node:buffer";
import { readFileSync } from "node:fs";
import { type Problem, ProblemError } from "../base/problem.ts";

/** The text of a file. @throws ProblemError when it cannot be read */
export function readText(path: string): string {
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    throw new ProblemError(unreadable(path, error));
  }
  if (!isUtf8(bytes)) {
    throw new ProblemError({
      code: "unreadable-file",
      message: `${path} is not a text in UTF-8`,
      hint: "Save it as UTF-8.",
      file: path,
    });
  }
  return bytes.toString("utf8");
}

function unreadable(path: string, error: unknown): Problem {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  const base = { code: "unreadable-file", file: path };
  if (code === "ENOENT") {
    return {
      ...base,
      message: `${path} does not exist`,
      hint: "Name the cluster document, or copy one of tocha's examples/ there.",
    };
  }
  if (code === "EACCES")
    return { ...base, message: `${path} may not be read`, hint: "Run the command as root (sudo)." };
  if (code === "EISDIR") return { ...base, message: `${path} is a folder`, hint: "Name the document in it." };
  return {
    ...base,
    message: `${path} cannot be read: ${error instanceof Error ? error.message : String(error)}`,
    hint: "",
  };
}
