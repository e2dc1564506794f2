/** A call that the kernel refused: which operation, which error, and what the kernel said about it. */
export class KernelError extends Error {
  readonly operation: string;
  readonly errno: number;
  /** Such as `EEXIST`. */
  readonly code: string;

  constructor(operation: string, errno: number, code: string, detail = "") {
    super(`${operation}: ${code}${detail === "" ? "" : ` (${detail})`}`);
    this.name = "KernelError";
    this.operation = operation;
    this.errno = errno;
    this.code = code;
  }
}
