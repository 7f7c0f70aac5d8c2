/** Something that must not be, found in a life. */
import { AssertionError } from "../assert.js";

export class LifeViolation extends AssertionError {
  /** The broken rule's short name; shrinking keeps to it. */
  readonly rule: string;

  constructor(rule: string, text: string) {
    super(`${rule}: ${text}`);
    this.rule = rule;
  }
}
