/** Something that the document needs and no file says. */
export interface MissingFact {
  readonly what: string;
  /** How to say it. */
  readonly option: string;
}
