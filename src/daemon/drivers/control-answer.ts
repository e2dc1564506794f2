/** Answers that are not simply a value which becomes JSON. */

export class TextAnswer {
  readonly contentType: string;
  readonly text: string;

  constructor(contentType: string, text: string) {
    this.contentType = contentType;
    this.text = text;
  }
}

/** An answer of any length, which is made while it is read: no faster, and not at all once the reader has gone. */
export class StreamAnswer {
  readonly contentType: string;
  readonly pieces: AsyncGenerator<string, void, void>;

  constructor(contentType: string, pieces: AsyncGenerator<string, void, void>) {
    this.contentType = contentType;
    this.pieces = pieces;
  }
}

/** JSON with the version of what it shows (ETag). */
export class VersionedAnswer {
  readonly version: string;
  readonly body: unknown;

  constructor(version: string, body: unknown) {
    this.version = version;
    this.body = body;
  }
}

/** JSON with a status of its own. */
export class StatusAnswer {
  readonly status: number;
  readonly body: unknown;

  constructor(status: number, body: unknown) {
    this.status = status;
    this.body = body;
  }
}
