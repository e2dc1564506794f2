import type { GroupSet } from "../../core/replication/flow-owner.ts";
import type { GroupSettings } from "../node-settings.ts";

/**
 * A node that had to take over without every connection gives way to one that has them, if such a one shows up within this
 * time: an active node that had only stalled. While a peer is connected that has not yet told of all it has, the time begins
 * anew: on a busy machine a million connections take longer.
 */
const WHOLE_AFTER_MS = 10_000;
const FAREWELL_MS_MIN = 1_000;

interface GroupTable {
  readonly name: string;
  readonly bit: GroupSet;
  /** A takeover follows the loss of the stream within some intervals; a stream that was lost earlier has left a gap. */
  readonly farewellMs: number;
  active: boolean;
  /** Active, with a table that is the truth. */
  whole: boolean;
  wholeTimer: NodeJS.Timeout | undefined;
  /** When this node, as a standby, was last known to hold everything; never, once it is known to lack something. */
  lastCompleteMs: number;
  toldComplete: boolean;
}

export interface GroupTablesOptions {
  readonly groups: readonly GroupSettings[];
  /** There are no other nodes. */
  readonly alone: boolean;
  /** Groups of which a stream from their active node has brought everything. */
  readonly completeGroups: () => GroupSet;
  /** Groups of which a stream from their active node has told that something is missing. */
  readonly brokenGroups: () => GroupSet;
  /** A connected peer may still have connections that this node lacks. */
  readonly awaitsPeers: () => boolean;
  /** A group's table has become the truth. */
  readonly onWhole: () => void;
  readonly tell: (group: string, complete: boolean) => void;
}

/** What this node's connection table is worth, group by group, and which groups the node is active for. */
export class GroupTables {
  readonly #options: GroupTablesOptions;
  readonly #tables: readonly GroupTable[];

  constructor(options: GroupTablesOptions) {
    this.#options = options;
    this.#tables = options.groups.map(({ name, intervalMs }, index) => ({
      name,
      bit: 1 << index,
      farewellMs: Math.max(FAREWELL_MS_MIN, 4 * intervalMs),
      active: false,
      whole: false,
      wholeTimer: undefined,
      lastCompleteMs: Number.NEGATIVE_INFINITY,
      toldComplete: false,
    }));
  }

  /** The groups that this node is active for. */
  get active(): GroupSet {
    return this.#tables.reduce((set, { active, bit }) => (active ? set | bit : set), 0);
  }

  /** The set of one group; of none, if there is no such. */
  bitOf(group: string): GroupSet {
    return this.#tables.find(({ name }) => name === group)?.bit ?? 0;
  }

  /** The table is the truth about all groups that this node is active for. */
  get isWhole(): boolean {
    return this.#tables.every(({ active, whole }) => !active || whole);
  }

  /** This node's kernel holds every connection of the cluster, as far as anybody can know. */
  get isComplete(): boolean {
    return this.#tables.every((table) => this.#isComplete(table));
  }

  completeByGroup(): Record<string, boolean> {
    return Object.fromEntries(this.#tables.map((table) => [table.name, this.#isComplete(table)]));
  }

  /** @returns false when nothing changed */
  setActive(group: string, active: boolean): boolean {
    const table = this.#tables.find(({ name }) => name === group);
    if (table === undefined || table.active === active) return false;
    // The old active's farewell may come before the word that this node is active now.
    const wasComplete = performance.now() - table.lastCompleteMs < table.farewellMs;
    table.whole = active && (this.#isComplete(table) || wasComplete || this.#options.alone);
    table.active = active;
    clearTimeout(table.wholeTimer);
    if (active && !table.whole) this.#becomeWholeInTime(table);
    return true;
  }

  /** Streams may have become complete, or have ceased to be. */
  check(): void {
    const broken = this.#options.brokenGroups();
    for (const table of this.#tables) {
      if ((broken & table.bit) !== 0) table.lastCompleteMs = Number.NEGATIVE_INFINITY;
      else if (table.toldComplete && !table.active) table.lastCompleteMs = performance.now();
      if (this.#isComplete(table) !== table.toldComplete) this.#tell(table);
    }
  }

  tellAll(): void {
    for (const table of this.#tables) this.#tell(table);
  }

  /** No other node has a connection that this one lacks. */
  allAdopted(): void {
    for (const table of this.#tables) if (table.active) this.#becomeWhole(table);
  }

  #becomeWholeInTime(table: GroupTable): void {
    table.wholeTimer = setTimeout(() => {
      if (this.#options.awaitsPeers()) this.#becomeWholeInTime(table);
      else this.#becomeWhole(table);
    }, WHOLE_AFTER_MS);
  }

  /** Nobody with more connections has shown up, or they are here as well now: what this node has is the truth. */
  #becomeWhole(table: GroupTable): void {
    clearTimeout(table.wholeTimer);
    if (table.whole) return;
    table.whole = true;
    this.#options.onWhole();
    this.#tell(table);
  }

  #isComplete({ active, whole, bit }: GroupTable): boolean {
    return active ? whole : (this.#options.completeGroups() & bit) !== 0;
  }

  #tell(table: GroupTable): void {
    table.toldComplete = this.#isComplete(table);
    this.#options.tell(table.name, table.toldComplete);
  }
}
