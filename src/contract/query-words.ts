// What the command line's help says of questions: apart from their schemas, so that the help needs no schema library.

/** How many changes of role a question about them gets, if it does not say. */
export const HISTORY_LIMIT_DEFAULT = 20;
/** As many as fit into an answer. */
export const HISTORY_LIMIT_MAX = 500;

/** What connections can be counted by. */
export const topKinds = ["source", "destination", "nat", "port"] as const;

/** How many changes of the audit log are listed, if it is not said, and at most. */
export const AUDIT_LIMIT_DEFAULT = 50;
export const AUDIT_LIMIT_MAX = 1_000;
