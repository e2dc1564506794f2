import * as z from "zod";
import { hostAddress, nameOf, network } from "./document-scalars.ts";

export const staticRoute = z
  .strictObject({
    id: nameOf("a route").meta({ description: "A name for the route, for messages." }),
    to: network.meta({
      description: "The network that it leads to; 0.0.0.0/0 or ::/0 is the default route.",
    }),
    via: hostAddress.optional().meta({
      description: "The router to hand the packets to. Default: none, the network is on the link itself.",
    }),
    interface: nameOf("an interface").optional().meta({
      description: "The interface that they leave by. Default: the one whose network has `via`.",
    }),
    metric: z.int().min(0).max(4_294_967_295).optional().meta({
      description:
        "Of several routes to one network the one with the lowest metric counts. Default: the kernel's.",
    }),
    nodes: z.array(nameOf("a node")).min(1).max(16).optional().meta({
      description: "The nodes that have it. Default: all.",
    }),
  })
  .meta({ description: "One static route." });

export const routes = z
  .array(staticRoute)
  .max(1_024)
  .default([])
  .meta({ description: "Static routes, set by tocha. Routes of others are not touched." });

export type StaticRoute = z.output<typeof staticRoute>;
