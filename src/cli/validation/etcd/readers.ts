/** Readers beside a member that try again. */

import { SequentialReader } from "../../../etcd/workloads.js";
import { Attempts, type Life } from "./life.js";
import { toUs } from "./setup.js";

/** A reader in the member's own centre. */
export function retryReader(
  life: Life,
  member: number,
  isSerializable: boolean,
  timeoutMs: number,
  pauseMs: number,
): { readonly seen: Attempts; readonly writer: SequentialReader } {
  const seen = new Attempts();
  const writer = new SequentialReader(life.client(life.centreOf(member)), {
    client: `${isSerializable ? "ser" : "lin"}@${life.nowUs}`,
    target: life.target(member),
    sink: seen,
    timeoutUs: toUs(timeoutMs),
    pauseAfterOkUs: toUs(pauseMs),
    pauseAfterFailureUs: toUs(pauseMs),
    key: "read",
    isSerializable,
  });
  return { seen, writer };
}
