import type { SaidChange } from "./change-table.ts";

/** So many items of one list are told of one by one. */
const TOLD = 8;

/** Long lists change in many items at once, such as the elements of a set: they are told of in one sentence. */
export function condensed(said: readonly SaidChange[]): SaidChange[] {
  const lists = new Map<string, SaidChange[]>();
  for (const one of said) {
    if (!isPlain(one)) continue;
    const list = listOf(one);
    const others = lists.get(list);
    if (others === undefined) lists.set(list, [one]);
    else others.push(one);
  }
  return said.flatMap((one) => {
    const all = isPlain(one) ? (lists.get(listOf(one)) ?? []) : [];
    if (all.length <= TOLD) return [one];
    return all[0] === one ? [together(one, all)] : [];
  });
}

/** Only items of lists, and only what is told with nothing but its sentence. */
function isPlain({ item, connections, role }: SaidChange): boolean {
  return item !== undefined && connections === undefined && role === undefined;
}

function listOf({ item, part, nodes }: SaidChange): string {
  return JSON.stringify([item?.list, part, nodes]);
}

function together(first: SaidChange, all: readonly SaidChange[]): SaidChange {
  const count = (kind: string) => all.filter(({ item }) => item?.kind === kind).length;
  const counts = (["added", "removed", "moved"] as const)
    .filter((kind) => count(kind) > 0)
    .map((kind) => `${count(kind)} ${kind}`);
  const list = first.item?.list ?? "";
  return { ...first, path: list, sentence: `${list}: ${counts.join(", ")}` };
}
