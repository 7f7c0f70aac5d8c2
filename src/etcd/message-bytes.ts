/** How long Raft's messages are on the wire. */
import type { Message } from "../raft/types.js";
import type { GroupContext } from "./process-types.js";

/** A raft message without entries, protobuf and framing, about. */
export const MESSAGE_BYTES = 60;
/** An entry around its data. */
const ENTRY_BYTES = 20;

/** Of any message but a snapshot, whose length is the database's. */
export function messageBytes(message: Message, group: Pick<GroupContext, "proposal">): number {
  let bytes = MESSAGE_BYTES;
  if (message.type === "AppendEntries")
    for (const { data } of message.entries) bytes += ENTRY_BYTES + (group.proposal(data)?.bytes ?? 0);
  else if (message.type === "Propose")
    for (const data of message.data) bytes += group.proposal(data)?.bytes ?? 0;
  return bytes;
}
