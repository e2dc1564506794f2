import * as z from "zod";
import { clip, refuse } from "./document-scalars.ts";
import { rate } from "./match-scalars.ts";

const prefixPattern = "^[A-Za-z0-9 _.:-]{0,32}$";

const prefix = z
  .string()
  .superRefine((text, context) => {
    if (new RegExp(prefixPattern).test(text)) return;
    refuse(context, `"${clip(text)}" cannot stand before the lines of a log`, {
      code: "bad-name",
      hint: "It has up to 32 letters, digits, blanks and _ . : -.",
    });
  })
  .meta({ pattern: prefixPattern });

export const logging = z
  .strictObject({
    level: z.enum(["error", "warning", "info", "debug"]).default("info").meta({
      description:
        "How much the daemon logs, where its command line does not say it: error, warning, info or debug. Default info.",
    }),
    firewall: z
      .strictObject({
        prefix: prefix.default("tocha ").meta({
          description:
            "What stands before the rule's id in its lines: up to 32 letters, digits, blanks and _ . : -. Default `tocha `.",
        }),
        group: z.int().min(0).max(65_535).optional().meta({
          description:
            "The group of nfnetlink_log that a program such as ulogd reads. Default: the kernel's own log.",
        }),
        rate: rate.prefault("10/s").meta({
          description: "So many lines of one rule in a time, at most. Default 10/s.",
        }),
      })
      .prefault({})
      .meta({ description: "The lines of firewall rules with `log: true`." }),
  })
  .prefault({})
  .meta({ description: "What is logged, and where to." });
