/** What the program in a namespace is asked to do, and what it answers. Frames and bytes travel as hexadecimal text. */
export type AgentCommand =
  /** Answers every TCP connection's first bytes and every datagram with the sender's address as it arrived here, or with its port too. */
  | { readonly do: "serve"; readonly port: number; readonly ports?: boolean }
  /** Sends a word to such a server. @returns the address that it saw, or why there was no answer */
  | {
      readonly do: "ask";
      readonly protocol: "tcp" | "udp";
      readonly host: string;
      readonly port: number;
      readonly localAddress?: string;
      readonly localPort?: number;
      /** Leave the connection open: until the agent is closed. */
      readonly keep?: boolean;
      /** Of UDP: ICMP errors are told as well. */
      readonly connected?: boolean;
    }
  /** One ICMP echo. @returns whether it was answered within two seconds */
  | { readonly do: "ping"; readonly device: string; readonly host: string }
  /** Begins to keep all frames that pass a device. */
  | { readonly do: "capture"; readonly device: string }
  /** @returns the frames that were kept, and forgets them */
  | { readonly do: "captured"; readonly device: string }
  | { readonly do: "send-frames"; readonly device: string; readonly frames: readonly string[] }
  | {
      readonly do: "send-datagrams";
      readonly localAddress: string;
      readonly host: string;
      readonly port: number;
      readonly datagrams: readonly string[];
    }
  /** One TCP connection for each of `contents`, one after another. */
  | {
      readonly do: "send-tcp";
      readonly localAddress: string;
      readonly host: string;
      readonly port: number;
      readonly contents: readonly string[];
    }
  /** The same over TLS, as a node that has a certificate. */
  | {
      readonly do: "send-tls";
      readonly localAddress: string;
      readonly host: string;
      readonly port: number;
      readonly keysDirectory: string;
      readonly node: string;
      readonly peer: string;
      readonly contents: readonly string[];
    };

export interface AgentAnswers {
  readonly serve: { readonly listening: true };
  readonly ask: { readonly seen: string } | { readonly failed: string };
  readonly ping: { readonly answered: boolean };
  readonly capture: { readonly capturing: true };
  /** `atMs`: when each was read, a few milliseconds after it went by, on the clock of the agent. */
  readonly captured: { readonly frames: readonly string[]; readonly atMs: readonly number[] };
  readonly "send-frames": { readonly sent: number };
  readonly "send-datagrams": { readonly sent: number };
  readonly "send-tcp": { readonly closed: number };
  readonly "send-tls": { readonly closed: number };
}

export type AgentAnswer = AgentAnswers[keyof AgentAnswers] | { readonly error: string };
