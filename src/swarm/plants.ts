/**
 * Defects built into a group on purpose, to see that the swarm finds them. Nothing of the members' own code knows of them:
 * they are put over a process' methods as it boots.
 */
import { unreachable } from "../assert.js";
import type { Member } from "../etcd/member.js";
import type { Server } from "../etcd/server.js";
import type { WatchHistory } from "../etcd/watch.js";
import type { EtcdWorld } from "../etcd/world.js";
import { type DurableImage, type Message, NONE } from "../raft/types.js";
import type { PlantName } from "./plan.js";

/** From now on all processes of the world have the defect. */
export function plant(world: EtcdWorld, name: PlantName): void {
  for (const member of world.group.members) {
    const boot: Member["boot"] = member.boot.bind(member);
    member.boot = (options) => {
      const server = boot(options);
      spoil(server, name);
      return server;
    };
  }
}

function spoil(server: Server, name: PlantName): void {
  switch (name) {
    case "read-without-index":
      readWithoutIndex(server);
      return;
    case "commit-without-majority":
      commitWithoutMajority(server);
      return;
    case "lost-fsync":
      loseFsync(server);
      return;
    case "double-vote":
      forgetVote(server);
      return;
    case "wiped-member":
      // It is the plan that has it: a fault of the type "wipe".
      return;
    case "lease-not-extended":
      endLeasesAtOnce(server);
      return;
    case "watch-skips-after-snapshot":
      skipARevision(server);
      return;
    default:
      unreachable(name);
  }
}

/** A leader takes its own commit index for the present, without asking whether it still leads. */
function readWithoutIndex(server: Server): void {
  const { loop } = server;
  const readIndex = loop.readIndex.bind(loop);
  loop.readIndex = (context) => {
    if (loop.node.role === "leader") server.after(0, () => server.readState(context, loop.node.commitIndex));
    else readIndex(context);
  };
}

/** A leader takes for saved what it has only sent. */
function commitWithoutMajority(server: Server): void {
  const send = server.send.bind(server);
  server.send = (message, beat) => {
    send(message, beat);
    if (message.type !== "AppendEntries" || message.entries.length === 0) return;
    const { from, to, term, prevLogIndex, entries } = message;
    const index = prevLogIndex + entries.length;
    const answer: Message = {
      type: "AppendEntriesResponse",
      from: to,
      to: from,
      term,
      success: true,
      index,
      hintIndex: 0,
      hintTerm: 0,
    };
    server.after(1, () => {
      if (server.loop.node.role === "leader" && server.loop.node.term === term)
        server.loop.receive(answer, undefined);
    });
  };
}

/** The disk says that it has the last write when it has only those before it. */
function loseFsync(server: Server): void {
  const { loop } = server;
  const image = loop.image.bind(loop);
  const saved = loop.saved.bind(loop);
  let before: DurableImage | undefined;
  loop.saved = () => {
    before = image(false);
    saved();
  };
  loop.image = (keepsWritten, tornEntries) =>
    keepsWritten || before === undefined ? image(keepsWritten, tornEntries) : before;
}

/** The vote is not written, the term is. */
function forgetVote(server: Server): void {
  const { loop } = server;
  const image = loop.image.bind(loop);
  loop.image = (keepsWritten, tornEntries) => {
    const kept = image(keepsWritten, tornEntries);
    return { ...kept, hardState: { ...kept.hardState, votedFor: NONE } };
  };
}

/** A new leader takes all leases for ended that it did not renew itself. */
function endLeasesAtOnce(server: Server): void {
  const { leases } = server.store;
  const promote = leases.promote.bind(leases);
  leases.promote = (_, nowUs) => promote(-nowUs, nowUs);
}

/** Watches that look for what a snapshot brought begin one revision too late. */
function skipARevision(server: Server): void {
  const { watches } = server;
  const moveTo = watches.moveTo.bind(watches);
  watches.moveTo = (history) => {
    const late: WatchHistory = {
      get revision() {
        return history.revision;
      },
      get compactRevision() {
        return history.compactRevision;
      },
      eventsFrom: (revision) => history.eventsFrom(revision + 1),
    };
    moveTo(late);
  };
}
