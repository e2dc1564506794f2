import { expectCall, isTranslatedCall } from "../../wire/call-expectation.ts";
import { ExpectationFields } from "../../wire/expectation-fields.ts";
import type { FlowFields } from "../../wire/flow-fields.ts";
import type { FlowRecordWriter } from "../../wire/flow-record.ts";
import type { FlowFilter } from "./flow-filter.ts";

/** Writes a record of each flow and expectation that is mirrored, from events and from copies. */
export class FlowRecorder {
  readonly #filter: FlowFilter;
  readonly #writer: FlowRecordWriter;
  readonly #onFull: () => void;
  readonly #call = new ExpectationFields();

  /** @param onFull makes room in the writer */
  constructor(filter: FlowFilter, writer: FlowRecordWriter, onFull: () => void) {
    this.#filter = filter;
    this.#writer = writer;
    this.#onFull = onFull;
  }

  readonly flow = (fields: FlowFields, destroyed: boolean): void => {
    if (isTranslatedCall(fields)) {
      // Without its master, only the end can be told.
      if (expectCall(fields, this.#call) || destroyed) this.expectation(this.#call, destroyed);
      return;
    }
    if (!this.#filter.accepts(fields)) return;
    if (!this.#writer.hasRoom) this.#onFull();
    if (destroyed) this.#writer.writeDelete(fields);
    else this.#writer.writeUpsert(fields);
  };

  readonly expectation = (fields: ExpectationFields, ended: boolean): void => {
    // The end of one that was never told harms nothing.
    if (!ended && !this.#filter.acceptsExpectation(fields)) return;
    if (!this.#writer.hasRoom) this.#onFull();
    if (ended) this.#writer.writeUnexpect(fields);
    else this.#writer.writeExpect(fields);
  };
}
