/**
 * How a node falls silent at the moment its failover role dies, even when all its processes are killed at once: a table
 * owned by that process marks ARP requests and neighbour solicitations as they arrive, and the gateway's rules drop those
 * for virtual addresses that carry no mark. The kernel removes the owner's table with the process, so nobody has to act.
 */
export const liveness = {
  table: "tocha-alive",
  /** "toch" in ASCII. Only packets that end at this host's ARP and neighbour discovery carry it. */
  mark: 0x746f6368,
  /** Before the rules that look at the mark, which run at priority `filter` (0). */
  priority: -10,
} as const;
