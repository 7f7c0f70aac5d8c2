/** The loop around Raft (etcd 3.5: etcdserver/raft.go), by itself: a host that writes down what it is asked for. */
import { describe, expect, it } from "vitest";
import { RaftLoop, type RaftLoopHost } from "../../src/etcd/raft-loop.js";
import {
  type DurableImage,
  type Entry,
  ETCD_DEFAULTS,
  type Message,
  NONE,
  type Role,
  type Snapshot,
} from "../../src/raft/types.js";

const BLANK: DurableImage = { hardState: { term: 0, votedFor: NONE, commitIndex: 0 }, entries: [] };

class Host implements RaftLoopHost {
  /** In the order in which it was asked. */
  readonly said: string[] = [];
  readonly sent: Message[] = [];
  readonly reads: number[] = [];
  readonly refused: number[] = [];
  onApply: (() => void) | undefined;

  save(): void {
    this.said.push("save");
  }
  send(message: Message): void {
    this.said.push(message.type);
    this.sent.push(message);
  }
  softState(role: Role, leader: number): void {
    this.said.push(`${role} of ${leader}`);
  }
  readState(context: number): void {
    this.reads.push(context);
  }
  apply(snapshot: Snapshot | undefined, entries: readonly Entry[]): void {
    this.said.push(
      `apply ${snapshot === undefined ? "" : `snapshot ${snapshot.index} `}${entries.map(({ index }) => index).join()}`,
    );
    this.onApply?.();
  }
  dropped(data: number): void {
    this.refused.push(data);
  }
  changed(): void {
    // Only for whoever records it.
  }

  take(): string[] {
    return this.said.splice(0);
  }
}

function loopOf(
  voters: number,
  image: DurableImage = BLANK,
  appliedIndex = 0,
): { loop: RaftLoop; host: Host } {
  const host = new Host();
  const config = {
    ...ETCD_DEFAULTS,
    id: 1,
    voters: Array.from({ length: voters }, (_, m) => m + 1),
    appliesStableOnly: true,
    drawElectionTicks: () => 10,
  };
  return { loop: new RaftLoop(config, image, appliedIndex, 1, host), host };
}

/** One that leads a group of three in term 1, its first entry committed and applied, its disk idle. */
function leading(): { loop: RaftLoop; host: Host } {
  const made = loopOf(3);
  const { loop, host } = made;
  loop.campaign();
  loop.receive({ type: "PreVoteResponse", from: 2, to: 1, term: 1, voteGranted: true }, undefined);
  loop.saved();
  loop.receive({ type: "RequestVoteResponse", from: 2, to: 1, term: 1, voteGranted: true }, undefined);
  loop.saved();
  for (const from of [2, 3]) loop.receive(stored(from, 1), undefined);
  expect(loop.node.role).toBe("leader");
  expect(loop.node.commitIndex).toBe(1);
  host.take();
  host.sent.length = 0;
  return made;
}

function stored(from: number, index: number): Message {
  return {
    type: "AppendEntriesResponse",
    from,
    to: 1,
    term: 1,
    success: true,
    index,
    hintIndex: 0,
    hintTerm: 0,
  };
}

function append(index: number, data: readonly number[], leaderCommit: number): Message {
  const entries = data.map((one, i) => ({ term: 1, index: index + i, data: one }));
  const prevLogTerm = index === 1 ? 0 : 1;
  return {
    type: "AppendEntries",
    from: 2,
    to: 1,
    term: 1,
    prevLogIndex: index - 1,
    prevLogTerm,
    entries,
    leaderCommit,
  };
}

describe("What leaves before the disk, and what after it", () => {
  it("A leader's appends leave before it saves its own log.", () => {
    const { loop, host } = leading();
    loop.propose(7);
    expect(host.take()).toEqual(["AppendEntries", "AppendEntries", "save"]);
  });

  it("A follower's answer leaves after its save, and what is committed with the same batch is applied after it too.", () => {
    const { loop, host } = loopOf(3);
    loop.receive(append(1, [7], 1), undefined);
    expect(host.take()).toEqual(["follower of 2", "save"]);
    loop.saved();
    expect(host.take()).toEqual(["AppendEntriesResponse", "apply 1"]);
  });

  it("While it saves, messages are stepped, but what follows from them leaves with the next batch.", () => {
    const { loop, host } = leading();
    loop.propose(7);
    host.take();
    loop.propose(8);
    loop.receive(stored(2, 2), undefined);
    expect(loop.node.log.lastIndex).toBe(3);
    expect(host.take()).toEqual([]);
    loop.saved();
    // Entry 3 goes out, entry 2 is applied as its own disk has it now, and entry 3 is saved.
    expect(host.take()).toEqual(expect.arrayContaining(["AppendEntries", "apply 2", "save"]));
    expect(loop.isSaving).toBe(true);
  });

  it("Of several acknowledgements in a batch the last one leaves.", () => {
    const { loop, host } = loopOf(3);
    loop.receive(append(1, [7], 0), undefined);
    host.take();
    loop.receive(append(2, [8], 0), undefined);
    loop.receive(append(3, [9], 0), undefined);
    loop.saved();
    loop.saved();
    expect(
      host.sent.map((message) => (message.type === "AppendEntriesResponse" ? message.index : 0)),
    ).toEqual([1, 3]);
  });

  it("Nothing is saved for a commit index alone.", () => {
    const { loop, host } = loopOf(3);
    loop.receive(append(1, [7], 0), undefined);
    loop.saved();
    host.take();
    loop.receive({ type: "Heartbeat", from: 2, to: 1, term: 1, leaderCommit: 1, context: 0 }, undefined);
    expect(host.take()).toEqual(["apply 1", "HeartbeatResponse"]);
  });
});

describe("Ticks and a slow disk", () => {
  it("While it saves one tick is kept and the others are missed.", () => {
    const { loop } = leading();
    const before = loop.ticks;
    loop.propose(7);
    for (let i = 0; i < 5; i++) loop.tick();
    expect(loop.ticks).toBe(before);
    loop.saved();
    expect(loop.ticks).toBe(before + 1);
  });

  it("A leader whose disk hangs sends no heartbeats.", () => {
    const { loop, host } = leading();
    loop.tick();
    expect(host.take()).toEqual(["Heartbeat", "Heartbeat"]);
    loop.propose(7);
    host.take();
    for (let i = 0; i < 20; i++) loop.tick();
    expect(host.take()).toEqual([]);
  });
});

describe("Reads and refusals", () => {
  it("Of the reads confirmed in a batch the last one is told.", () => {
    const { loop, host } = leading();
    loop.propose(7);
    loop.readIndex(100);
    loop.readIndex(101);
    loop.receive({ type: "HeartbeatResponse", from: 2, to: 1, term: 1, context: 2 }, undefined);
    expect(host.reads).toEqual([]);
    loop.saved();
    expect(host.reads).toEqual([101]);
  });

  it("A proposal without a leader, or while the lead is handed over, comes back.", () => {
    const { loop, host } = loopOf(3);
    loop.propose(5);
    expect(host.refused).toEqual([5]);
    const other = leading();
    other.loop.transferLeadership(3);
    other.loop.propose(6);
    expect(other.host.refused).toEqual([6]);
    expect(other.loop.node.log.lastIndex).toBe(1);
  });

  it("What applying proposes waits for the batch's end.", () => {
    const { loop, host } = leading();
    host.onApply = () => {
      host.onApply = undefined;
      loop.propose(9);
    };
    loop.propose(7);
    loop.saved();
    loop.receive(stored(2, 2), undefined);
    expect(host.take().slice(-4)).toEqual(["apply 2", "AppendEntries", "AppendEntries", "save"]);
  });
});

describe("What a crash leaves", () => {
  it("A killed process leaves the batch under way, one without power a first part of it, if any: whole records, whole entries.", () => {
    const { loop } = loopOf(3);
    // A record of the new term, and one of the entries.
    loop.receive(append(1, [7, 8, 9], 0), undefined);
    const left = (share: number, entries: number): string => {
      const { hardState, entries: kept } = loop.image(false, { share, entries });
      return `term ${hardState.term}: ${kept.map(({ data }) => data).join()}`;
    };
    expect(loop.image(true).entries.length).toBe(3);
    expect(left(0, 0)).toBe("term 0: ");
    expect(left(0, 2)).toBe("term 0: ");
    expect(left(0.5, 0)).toBe("term 1: ");
    expect(left(0.5, 2)).toBe("term 1: 7,8");
    expect(left(0.9, 2)).toBe("term 1: 7,8,9");
    loop.saved();
    expect(left(0, 0)).toBe("term 1: 7,8,9");
  });

  it("A commit index is on the disk once something was saved after it, however the process ends.", () => {
    const { loop } = loopOf(3);
    loop.receive(append(1, [7], 0), undefined);
    loop.saved();
    loop.receive({ type: "Heartbeat", from: 2, to: 1, term: 1, leaderCommit: 1, context: 0 }, undefined);
    expect(loop.node.commitIndex).toBe(1);
    expect(loop.image(true).hardState.commitIndex).toBe(0);
    loop.receive(append(2, [8], 1), undefined);
    expect(loop.image(true).hardState.commitIndex).toBe(1);
    expect(loop.image(false).hardState.commitIndex).toBe(0);
    loop.saved();
    expect(loop.image(false).hardState.commitIndex).toBe(1);
  });

  it("A restarted process applies what it knows to be committed before anything else happens.", () => {
    const entries = [7, 8, 9].map((data, i) => ({ term: 1, index: i + 1, data }));
    const { loop, host } = loopOf(3, { hardState: { term: 1, votedFor: 2, commitIndex: 2 }, entries }, 1);
    loop.start();
    expect(host.take()).toEqual(["apply 2"]);
  });
});

describe("Snapshots", () => {
  const snapshot: Snapshot = {
    index: 50,
    term: 1,
    configuration: {
      voters: [1, 2, 3],
      votersOutgoing: [],
      learners: [],
      learnersNext: [],
      autoLeave: false,
    },
  };

  it("An installed one is applied, and answered, once the disk has it.", () => {
    const { loop, host } = loopOf(3);
    loop.receive({ type: "InstallSnapshot", from: 2, to: 1, term: 1, snapshot }, undefined);
    expect(host.take()).toEqual(["follower of 2", "save"]);
    expect(loop.image(false).snapshot).toBeUndefined();
    loop.saved();
    expect(host.take()).toEqual(["apply snapshot 50 ", "AppendEntriesResponse"]);
    expect(loop.image(false).snapshot?.index).toBe(50);
  });

  it("One of its own that an installed one has overtaken is not taken.", () => {
    const { loop } = loopOf(3);
    loop.receive(append(1, [7, 8], 2), undefined);
    loop.saved();
    loop.receive({ type: "InstallSnapshot", from: 2, to: 1, term: 1, snapshot }, undefined);
    loop.takeSnapshot(2, 1);
    loop.saved();
    expect(loop.node.snapshot?.index).toBe(50);
  });
});
