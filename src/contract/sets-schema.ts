import * as z from "zod";
import { nameOf } from "./document-scalars.ts";
import { setElement } from "./match-scalars.ts";

/** Elements of one set, those of its file included. */
export const SET_ELEMENTS_MAX = 65_536;

export const namedSet = z
  .strictObject({
    kind: z.enum(["addresses", "ports"]).default("addresses").meta({
      description:
        "What the set holds: `addresses` (addresses, networks, ranges, of both families) or `ports`. Default addresses.",
    }),
    elements: z.array(setElement).max(SET_ELEMENTS_MAX).default([]).meta({
      description: "What it holds. Default nothing: then there is a file.",
    }),
    file: z.string().min(1).max(4096).optional().meta({
      description:
        "A file with further elements, one a line; `#` begins a comment. Relative to the document's folder.",
    }),
  })
  .superRefine(({ elements, file }, context) => {
    if (elements.length > 0 || file !== undefined) return;
    context.addIssue({
      code: "custom",
      path: [],
      message: "the set has neither elements nor a file",
      params: { code: "empty-set", hint: "Give it elements: [...], or file: NAME; or take it away." },
    });
  })
  .meta({ description: "Addresses or ports under one name, for rules to refer to as @NAME." });

export const sets = z
  .record(nameOf("a set"), namedSet)
  .default({})
  .meta({ description: "Named sets: rules refer to them as @NAME." });

export type NamedSetOfDocument = z.output<typeof namedSet>;
