/** Readers beside a member that try again. */
import { SequentialReader } from "../../../etcd/workloads.js";
import { MILLISECOND } from "../../../units/time.js";
import { Attempts, type Life } from "./life.js";

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
    timeoutUs: timeoutMs * MILLISECOND,
    pauseAfterOkUs: pauseMs * MILLISECOND,
    pauseAfterFailureUs: pauseMs * MILLISECOND,
    key: "read",
    isSerializable,
  });
  return { seen, writer };
}
