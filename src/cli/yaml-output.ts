import { stringify } from "yaml";

/**
 * JSON as commands print it, as YAML: every command that answers in JSON answers in YAML as well, in the same fields. Values
 * after the first begin with `---`, as the documents of one stream.
 */
export class YamlOutput {
  #line = "";
  #value: string[] = [];
  #isFirst = true;

  /** @returns the values that are whole now */
  push(text: string): string {
    const lines = `${this.#line}${text}`.split("\n");
    this.#line = lines.pop() ?? "";
    return lines.map((line) => this.#add(line)).join("");
  }

  /** What was no JSON comes as it is. */
  end(): string {
    const rest = this.push("\n");
    const left = this.#value.filter((line) => line !== "").map((line) => `${line}\n`);
    this.#value = [];
    return rest + left.join("");
  }

  #add(line: string): string {
    this.#value.push(line);
    // A value stands in one line, or its last line is the bracket that closes it, without indentation.
    if (this.#value.length > 1 && line !== "}" && line !== "]") return "";
    let value: unknown;
    try {
      value = JSON.parse(this.#value.join("\n"));
    } catch {
      return "";
    }
    this.#value = [];
    const head = this.#isFirst ? "" : "---\n";
    this.#isFirst = false;
    return `${head}${stringify(value, { lineWidth: 0 })}`;
  }
}

/** From now on, what is written to a stream as JSON leaves as YAML. @returns writes what is left */
export function rewriteAsYaml(stream: NodeJS.WriteStream): () => void {
  const output = new YamlOutput();
  const write = stream.write.bind(stream);
  // Commands write texts; an empty one is no news, but its answer is (whether the reader is slow).
  stream.write = (chunk: Uint8Array | string) => write(output.push(String(chunk)));
  return () => {
    stream.write = write;
    const rest = output.end();
    if (rest !== "") write(rest);
  };
}
