import { connect } from "node:net";

/** A host that opens TCP connections, all at once, and says as a JSON list which of them were answered within two seconds. */
const LIMIT_MS = 2_000;

interface Knock {
  readonly host: string;
  readonly port: number;
  readonly localAddress: string;
}

const knocks = JSON.parse(process.argv[2] ?? "[]") as Knock[];
const answered = await Promise.all(
  knocks.map(
    (knock) =>
      new Promise<boolean>((resolve) => {
        const socket = connect(knock);
        socket.on("data", () => resolve(true));
        socket.on("error", () => resolve(false));
        setTimeout(() => resolve(false), LIMIT_MS);
      }),
  ),
);
process.stdout.write(`${JSON.stringify(answered)}\n`, () => process.exit());
