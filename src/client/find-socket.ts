import { readdirSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { type Problem, ProblemError } from "../base/problem.ts";

export interface SocketWish {
  /** The path of a control socket: nothing is searched. */
  readonly socket?: string;
  readonly node?: string;
  /** A lab's name: only its nodes are meant. */
  readonly lab?: string;
}

export interface SocketRoots {
  /** Holds NODE/control.sock of the nodes of this machine. */
  readonly nodes: string;
  /** Holds LAB/NODE/control.sock. */
  readonly labs: string;
}

export const defaultRoots: SocketRoots = { nodes: "/run/tocha", labs: "/run/tocha-lab" };

/**
 * Finds the control socket that a command means: the one that was named, else the only node of this machine,
 * else any node that answers of the only running lab (every node knows the whole cluster). Throws ProblemError
 * when there is none, or a choice is needed.
 */
export async function findSocket(wish: SocketWish, roots: SocketRoots = defaultRoots): Promise<string> {
  if (wish.socket !== undefined) return wish.socket;
  if (wish.lab === undefined) {
    const nodes = await answering(nodeSockets(roots.nodes, wish.node));
    if (nodes.length > 1)
      throw several(
        nodes.map((one) => one.name),
        "--node",
      );
    if (nodes[0] !== undefined) return nodes[0].path;
  }
  const labs: { name: string; path: string }[] = [];
  for (const lab of wish.lab === undefined ? folders(roots.labs) : [wish.lab]) {
    const [first] = await answering(nodeSockets(join(roots.labs, lab), wish.node));
    if (first !== undefined) labs.push({ name: lab, path: first.path });
  }
  if (labs.length > 1)
    throw several(
      labs.map((one) => one.name),
      "--lab",
    );
  if (labs[0] !== undefined) return labs[0].path;
  throw new ProblemError(nothingFound(wish, roots));
}

interface NodeSocket {
  readonly name: string;
  readonly path: string;
}

function nodeSockets(root: string, node: string | undefined): NodeSocket[] {
  return (node === undefined ? folders(root) : [node]).map((name) => ({
    name,
    path: join(root, name, "control.sock"),
  }));
}

function folders(root: string): string[] {
  try {
    const entries = readdirSync(root, { withFileTypes: true });
    return entries.flatMap((entry) => (entry.isDirectory() ? [entry.name] : [])).sort();
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EACCES")) return []; // It appears with the first node.
    throw new ProblemError({
      code: "not-root",
      message: `${root}, where the control sockets of nodes are, may not be opened`,
      hint: "Run the command as root (sudo).",
    });
  }
}

async function answering(sockets: readonly NodeSocket[]): Promise<NodeSocket[]> {
  const answers = await Promise.all(sockets.map(async (one) => ({ one, there: await accepts(one.path) })));
  return answers.flatMap(({ one, there }) => (there ? [one] : []));
}

/** A node that died without notice leaves its socket file behind: only a connection tells. */
function accepts(path: string): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = connect({ path, timeout: 1_000 });
  const done = (there: boolean) => {
    socket.destroy();
    resolve(there);
  };
  socket.once("connect", () => done(true));
  socket.once("timeout", () => done(false));
  socket.once("error", (error) => {
    // Another user's node runs all the same: the request will say what to do.
    done("code" in error && error.code === "EACCES");
  });
  return promise;
}

function several(names: readonly string[], option: "--node" | "--lab"): ProblemError {
  const what = option === "--node" ? "nodes" : "labs";
  return new ProblemError({
    code: "several-nodes",
    message: `several ${what} run on this machine: ${names.join(", ")}`,
    hint: `Choose one with ${option} ${names[0] ?? "NAME"}.`,
  });
}

function nothingFound({ node, lab }: SocketWish, roots: SocketRoots): Problem {
  const named = [
    node === undefined ? "node" : `node ${node}`,
    ...(lab === undefined ? [] : [`of the lab ${lab}`]),
  ].join(" ");
  return {
    code: "no-running-node",
    message: `no ${named} runs on this machine (searched ${lab === undefined ? `${roots.nodes} and ` : ""}${roots.labs})`,
    hint:
      lab === undefined
        ? 'Start a node with "tocha run --config FILE", or a lab with "tocha lab up"; a socket elsewhere is named with --socket PATH.'
        : `Start it with "tocha lab up --name ${lab}".`,
  };
}
