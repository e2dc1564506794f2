import { HELPER_NAME_BYTES_MAX, NameBytes, TupleFields } from "./flow-fields.ts";

/** The longest name of a function that sets up an expected flow; the kernel's own have up to 17 bytes. */
export const EXPECT_FUNCTION_BYTES_MAX = 31;

/**
 * An expectation: a flow that a helper has read of in the payload of another one (its master), such as the data
 * connection of FTP. Memory that is filled again for each record; copy what must outlive the next one.
 */
export class ExpectationFields {
  /** 4 or 6. */
  family: 4 | 6 = 4;
  /** What is expected, as its first packet will arrive; where the mask has zeros it may be anything. */
  readonly tuple = new TupleFields();
  /** What of the source counts; all of the destination does. */
  readonly maskSource = new Uint8Array(16);
  maskSourcePort = 0;
  /** The original tuple of the master. */
  readonly master = new TupleFields();
  zone = 0;
  timeoutSeconds = 0;
  /** NF_CT_EXPECT_* bits: 1 permanent, 2 inactive. */
  flags = 0;
  /** What kind of flow it is, as its helper numbers them. */
  class = 0;
  /** The expected flow will be translated as its master is: the fields with `nat` count. */
  hasNat = false;
  /** Direction in which the expected flow runs beside its master: 0 original, 1 reply. */
  natDirection = 0;
  readonly natAddress = new Uint8Array(16);
  natPort = 0;
  /** The helper of the master. */
  readonly helper = new NameBytes(HELPER_NAME_BYTES_MAX);
  /** What the kernel calls when the flow comes: `nat-follow-master`, `sip` … */
  readonly expectFunction = new NameBytes(EXPECT_FUNCTION_BYTES_MAX);

  get addressBytes(): number {
    return this.family === 4 ? 4 : 16;
  }

  clear(): void {
    this.tuple.clear();
    this.master.clear();
    this.maskSourcePort = 0;
    this.zone = 0;
    this.timeoutSeconds = 0;
    this.flags = 0;
    this.class = 0;
    this.hasNat = false;
    this.natDirection = 0;
    this.natPort = 0;
    this.helper.length = 0;
    this.expectFunction.length = 0;
  }
}
