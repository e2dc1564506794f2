import type { ArbiterAnswer, ArbiterRequest } from "./arbiter-messages.ts";

/** One key and its leases, as etcd has them: what a request does at a time, and what it answers. */
export class FakeEtcd {
  readonly #leaseMs: number;
  readonly #leases = new Map<string, number>();
  #key: { readonly node: string; readonly lease: string; readonly revision: number } | undefined;
  #revision = 1;
  #lastLease = 0;
  /** False: nobody gets an answer. */
  up = true;

  constructor(leaseMs: number) {
    this.#leaseMs = leaseMs;
  }

  holder(nowMs: number): string | undefined {
    this.#expire(nowMs);
    return this.#key?.node;
  }

  do(nowMs: number, node: string, request: ArbiterRequest): ArbiterAnswer {
    this.#expire(nowMs);
    switch (request.ask) {
      case "look":
        return this.#look();
      case "grant":
        this.#lastLease += 1;
        this.#leases.set(String(this.#lastLease), nowMs + this.#leaseMs);
        return { what: "granted", lease: String(this.#lastLease) };
      case "renew":
        if (!this.#leases.has(request.lease)) return { what: "expired" };
        this.#leases.set(request.lease, nowMs + this.#leaseMs);
        return { what: "renewed" };
      case "revoke":
        this.#leases.delete(request.lease);
        this.#expire(nowMs);
        return { what: "revoked" };
      case "put":
        if (String(this.#key?.revision ?? 0) !== request.revision) return this.#look();
        if (!this.#leases.has(request.lease)) return { what: "expired" };
        this.#revision += 1;
        this.#key = { node, lease: request.lease, revision: this.#revision };
        return { what: "put", revision: String(this.#revision) };
    }
  }

  #look(): ArbiterAnswer {
    if (this.#key === undefined) return { what: "free" };
    return { what: "holder", node: this.#key.node, revision: String(this.#key.revision) };
  }

  #expire(nowMs: number): void {
    for (const [lease, endMs] of this.#leases) if (nowMs >= endMs) this.#leases.delete(lease);
    if (this.#key !== undefined && !this.#leases.has(this.#key.lease)) this.#key = undefined;
  }
}
