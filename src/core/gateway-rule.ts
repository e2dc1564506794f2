/** One rule of the gateway's table, in the language of nft. */
export interface Rule {
  /** Empty for all packets. */
  readonly match: string;
  readonly verdict: string;
  readonly comment: string;
}
