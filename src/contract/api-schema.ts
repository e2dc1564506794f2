import * as z from "zod";
import { keyFile, nameOf } from "./document-scalars.ts";

/** `api:` of the document: where users may ask over HTTPS. */
export const apiSchema = z
  .strictObject({
    interface: nameOf("an interface").meta({
      description: "The interface on whose own addresses every node answers. Nowhere else.",
    }),
    // The process that listens is no root: ports below are not for it.
    port: z
      .int()
      .min(1_024)
      .max(65_535)
      .default(7847)
      .meta({ description: "The TCP port of the API. Default 7847." }),
    requestsPerSecond: z.int().min(1).max(100_000).default(50).meta({
      description:
        "How much one address, and one user, may ask in the long run; twice as much at once. Default 50.",
    }),
    certificateFile: keyFile(
      "A certificate for the API with those between it and its authority, in PEM. Default: that of the node.",
    ).optional(),
    keyFile: keyFile("Its private key.").optional(),
  })
  .optional()
  .meta({ description: "The HTTPS API, for users with roles. Without this key nothing listens." });
