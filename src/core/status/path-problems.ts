import type { NodeStatus, StatusProblem } from "../../contract/status.ts";

/**
 * Paths on which a node hears nothing of another one that lives: nothing has moved, but there is less between them and a split
 * brain. An interface that is down is reported as that.
 */
export function pathProblems(nodes: readonly NodeStatus[]): StatusProblem[] {
  return nodes.flatMap((node) =>
    node.peers.flatMap((peer) => {
      const other = nodes.find(({ name }) => name === peer.name);
      if (other === undefined || !other.reachable || other.role === "stopped") return [];
      return peer.paths.flatMap(({ name: path, alive, pulses }): StatusProblem[] => {
        const isDown = [node, other].some(({ interfaces }) =>
          interfaces.some(({ name, up }) => name === path && !up),
        );
        if (alive !== false || pulses !== true || isDown) return [];
        const back = other.peers
          .find(({ name }) => name === node.name)
          ?.paths.find(({ name }) => name === path);
        const direction = back?.alive === true ? "; the other direction works" : "";
        const message = `${node.name} hears nothing of ${peer.name} on ${path}${direction}`;
        const hint = `On ${node.name}: ping ${peer.name}'s address on ${path}; look at the switch, and at rules of your own for the UDP port of the pulses. Where nodes cannot hear each other by design: pulses: { without: [${path}] }`;
        return [{ severity: "warning", node: node.name, code: "path-silent", message, hint }];
      });
    }),
  );
}
