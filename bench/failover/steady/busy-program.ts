/** Keeps one processor busy, for as long as its standard input stands. */
import { serveCommands } from "../../../src/lab/traffic/worker-side.ts";

/** How long an end of the input may wait to be noticed. */
const TURN_MS = 20;

function turn(): void {
  const endMs = performance.now() + TURN_MS;
  while (performance.now() < endMs);
  setImmediate(turn);
}

serveCommands(() => ({}));
turn();
