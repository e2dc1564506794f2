import type { GroupRole } from "./election-types.ts";

//                    listened                       took-over
//      +------+ ------------------> +---------+ -----------------> +--------+
//      | init |                     | standby |                    | active |
//      +------+                     +---------+ <----------------- +--------+
//         |                           |     ^     yielded,            |
//         |                    unable |     |     handed-over         | unable
//         |                           v     | able                    |
//         |                         +---------+                       |
//         |                         |  fault  | <---------------------+
//         |                         +---------+
//         |   stopped                    |
//         +------------ (every role) ----+------> stopped

export type Trigger =
  /** Init has listened long enough or heard an active, and can serve. */
  | "listened"
  /** The active fell silent or resigned, and we are next. */
  | "took-over"
  /** Another active has the better right: give way without a word. */
  | "yielded"
  /** A planned handover: resign, so that the standby takes over at once. */
  | "handed-over"
  /** No face is up, or the gateway's rules are not in place. */
  | "unable"
  | "able"
  | "stopped";

/** What becomes of each role by each trigger; undefined: nothing. */
export const transitions: Readonly<Record<GroupRole, Readonly<Record<Trigger, GroupRole | undefined>>>> = {
  init: {
    listened: "standby",
    "took-over": undefined,
    yielded: undefined,
    "handed-over": undefined,
    unable: undefined,
    able: undefined,
    stopped: "stopped",
  },
  standby: {
    listened: undefined,
    "took-over": "active",
    yielded: undefined,
    "handed-over": undefined,
    unable: "fault",
    able: undefined,
    stopped: "stopped",
  },
  active: {
    listened: undefined,
    "took-over": undefined,
    yielded: "standby",
    "handed-over": "standby",
    unable: "fault",
    able: undefined,
    stopped: "stopped",
  },
  fault: {
    listened: undefined,
    "took-over": undefined,
    yielded: undefined,
    "handed-over": undefined,
    unable: undefined,
    able: "standby",
    stopped: "stopped",
  },
  stopped: {
    listened: undefined,
    "took-over": undefined,
    yielded: undefined,
    "handed-over": undefined,
    unable: undefined,
    able: undefined,
    stopped: undefined,
  },
};
