/**
 * Stories of a group as text: commands in, what happens out. A line that begins with ">" is a command, one with "#" is
 * prose, an indented one is what the command before it brought about, written by {@link retell}; after ">>" nothing is
 * told. Commands:
 *
 *   disk 2 term 4 log 1 1 4 commit 1   before the group starts: what member 2 finds on its disk
 *   group 1 2 3 learners=4 pre-vote=no  members start; options are those of {@link OPTIONS}
 *   add 4                              a new process with an empty disk
 *   campaign 1 · tick 1 10 · propose 1 42 43 · read 1 7 · transfer 1 2 · forget 2 · unreachable 1 3
 *   change 1 auto +4 ~5 -1             voter 4, learner 5, without 1; auto, implicit or explicit; "leave 1" out of joint
 *   snapshot 1 5 3                     of member 1 at index 5, entries through 3 forgotten (or all)
 *   received 1 3 · failed 1 3          member 1's transport on the snapshot that it sent to 3
 *   deliver 3 [AppendEntries [1]]      what is under way to 3, all or of one kind or so many of it; "drop" loses it
 *   settle [1 2]                       deliver everything, also what comes of it; or what is between these members
 *   hold 1 · sync 1 [2] · crash 1 · restart 1 · cut 3 · heal   its disk answers no more; for all writes or the first two
 *   status · logs · progress 1         how things stand
 */
import { assert } from "../../src/assert.js";
import { describeConfiguration } from "../../src/raft/configuration.js";
import type { RaftNode } from "../../src/raft/node.js";
import type { ConfigurationChange, DurableImage, Effects, MemberId, Message } from "../../src/raft/types.js";
import { LEAVE_JOINT, NONE } from "../../src/raft/types.js";
import type { GroupOptions } from "./group.js";
import { disk, Group } from "./group.js";

const INDENT = "    ";

/** The text with what its commands bring about, whatever stood there before. */
export function retell(text: string): string {
  const story = new Story();
  const lines: string[] = [];
  for (const line of text.trimEnd().split("\n")) {
    if (line.startsWith(INDENT)) continue;
    lines.push(line);
    if (line.startsWith(">>")) story.tell(line.slice(2).trim());
    else if (line.startsWith(">"))
      lines.push(...story.tell(line.slice(1).trim()).map((told) => INDENT + told));
  }
  return `${lines.join("\n")}\n`;
}

const OPTIONS: Readonly<Record<string, (value: string) => GroupOptions>> = {
  "pre-vote": (value) => ({ preVote: value === "yes" }),
  "check-quorum": (value) => ({ checkQuorum: value === "yes" }),
  window: (value) => ({ inflightMessagesMax: Number(value) }),
  "entries-per-message": (value) => ({ entriesPerMessageMax: Number(value) }),
  reads: (value) => ({ readOnlyOption: value === "lease-based" ? "lease-based" : "safe" }),
  "step-down-on-removal": (value) => ({ stepDownOnRemoval: value === "yes" }),
  "checks-changes": (value) => ({ checksConfigurationChanges: value === "yes" }),
  "applies-stable-only": (value) => ({ appliesStableOnly: value === "yes" }),
  learners: (value) => ({ learners: value.split(",").map(Number) }),
};

/** What was last told of a member. */
interface Told {
  readonly role: RaftNode["role"];
  readonly term: number;
  readonly votedFor: MemberId;
  readonly leader: MemberId;
  readonly log: string;
  readonly configuration: string;
}

class Story {
  #group: Group | undefined;
  readonly #disks: Record<MemberId, DurableImage> = {};
  readonly #told = new Map<MemberId, Told>();
  #lines: string[] = [];
  /** Deeper while a delivery is told. */
  #depth = "";

  tell(command: string): string[] {
    this.#lines = [];
    this.#depth = "";
    const [verb = "", ...words] = command.split(/\s+/);
    const before = new Set(this.#group?.network);
    this.#do(verb, words);
    this.#depth = "";
    const sent = this.#group?.network.filter((message) => !before.has(message)) ?? [];
    const texts = sent.map(messageText);
    for (const text of new Set(texts)) {
      const times = texts.filter((one) => one === text).length;
      this.#lines.push(`under way: ${text}${times > 1 ? ` (${times} times)` : ""}`);
    }
    return this.#lines.length > 0 ? this.#lines : ["nothing happens"];
  }

  get #now(): Group {
    assert(this.#group !== undefined, "no group yet");
    return this.#group;
  }

  #do(verb: string, words: readonly string[]): void {
    const numbers = words.map(Number);
    const [id = NONE, ...rest] = numbers;
    const other = rest[0] ?? NONE;
    switch (verb) {
      case "disk":
        this.#prepareDisk(id, words);
        return;
      case "group":
        this.#found(words);
        return;
      case "change":
        this.#now.proposeChange(id, changeOf(words.slice(1)));
        return;
      case "deliver":
      case "drop":
        this.#move(verb, id, words[1], rest[1]);
        return;
      case "settle":
        this.#settle(numbers);
        return;
      case "status":
      case "logs":
        for (const node of this.#now.nodes)
          this.#lines.push(verb === "status" ? statusText(node) : logText(node));
        return;
      case "progress":
        for (const { id: member } of this.#now.nodes) this.#tellProgress(id, member);
        return;
      default:
        this.#act(verb, id, other, rest);
    }
  }

  #act(verb: string, id: MemberId, other: MemberId, rest: readonly number[]): void {
    const group = this.#now;
    const acts: Readonly<Record<string, () => void>> = {
      add: () => group.add(id),
      campaign: () => group.campaign(id),
      tick: () => group.tick(id, other === NONE ? 1 : other),
      propose: () => group.propose(id, ...rest),
      read: () => group.readIndex(id, other),
      transfer: () => group.transferLeadership(id, other),
      forget: () => group.forgetLeader(id),
      unreachable: () => group.reportUnreachable(id, other),
      leave: () => group.proposeChange(id, LEAVE_JOINT),
      snapshot: () => group.takeSnapshot(id, other, rest[1]),
      received: () => group.reportSnapshot(id, other, true),
      failed: () => group.reportSnapshot(id, other, false),
      hold: () => group.heldDisks.add(id),
      sync: () =>
        other === NONE ? group.sync(id) : group.persisted(id, group.node(id).durableSequence + other),
      crash: () => group.crash(id),
      restart: () => group.restart(id),
      cut: () => group.isolate(id),
      heal: () => group.heal(),
    };
    const act = acts[verb];
    assert(act !== undefined, `no command ${verb}`);
    act();
    const quiet = ["add", "hold", "crash", "restart", "cut", "heal"];
    if (verb === "crash") this.#told.delete(id);
    if (verb === "add" || verb === "restart") this.#told.set(id, told(group.node(id)));
    if (quiet.includes(verb) && this.#lines.length === 0) this.#lines.push("done");
  }

  #prepareDisk(id: MemberId, words: readonly string[]): void {
    const after = (word: string) => {
      const at = words.indexOf(word);
      if (at < 0) return [];
      const next = words.findIndex((one, i) => i > at && Number.isNaN(Number(one)));
      return words.slice(at + 1, next < 0 ? undefined : next).map(Number);
    };
    this.#disks[id] = disk(after("term")[0] ?? 0, after("log"), after("commit")[0] ?? 0);
    this.#lines.push("written");
  }

  #found(words: readonly string[]): void {
    let options: GroupOptions = { disks: this.#disks };
    const members: MemberId[] = [];
    for (const word of words) {
      const [name = "", value] = word.split("=");
      if (value === undefined) members.push(Number(word));
      else options = { ...options, ...(OPTIONS[name]?.(value) ?? assert(false, `no option ${name}`)) };
    }
    const group = new Group(members, options);
    for (const learner of options.learners ?? []) group.add(learner);
    group.onDeliver = (message) => {
      this.#lines.push(messageText(message));
      this.#depth = INDENT;
    };
    group.onStep = (node, effects) => this.#tellStep(node, effects);
    group.reportsSnapshots = false;
    this.#group = group;
    for (const node of group.nodes) {
      this.#told.set(node.id, told(node));
      this.#lines.push(statusText(node));
    }
  }

  #move(verb: "deliver" | "drop", to: MemberId, type: string | undefined, countMax?: number): void {
    const { network } = this.#now;
    const chosen = network
      .filter((message) => message.to === to && (type === undefined || message.type === type))
      .slice(0, countMax);
    for (const message of chosen) {
      network.splice(network.indexOf(message), 1);
      if (verb === "deliver") this.#now.deliver(message);
      else this.#lines.push(`lost: ${messageText(message)}`);
    }
  }

  #settle(among: readonly MemberId[]): void {
    const group = this.#now;
    const isAmong = ({ from, to }: Message) =>
      among.length === 0 || (among.includes(from) && among.includes(to));
    for (let at = group.network.findIndex(isAmong); at >= 0; at = group.network.findIndex(isAmong)) {
      const [message] = group.network.splice(at, 1) as [Message];
      if (group.cut.has(`${message.from}>${message.to}`) || !group.isUp(message.to))
        this.#lines.push(`lost: ${messageText(message)}`);
      else group.deliver(message);
    }
  }

  #tellProgress(leader: MemberId, member: MemberId): void {
    const progress = this.#now.node(leader).progress(member);
    if (progress === undefined) return;
    const { state, matchIndex, nextIndex, isPaused } = progress;
    if (member === leader) {
      this.#lines.push(`${member}: itself, match ${matchIndex}`);
      return;
    }
    this.#lines.push(
      `${member}: ${state}, match ${matchIndex}, next ${nextIndex}${isPaused ? ", paused" : ""}`,
    );
  }

  #tellStep(node: RaftNode, effects: Effects): void {
    const before = this.#told.get(node.id);
    const now = told(node);
    this.#told.set(node.id, now);
    const news = [
      ...(before === undefined ? [] : changesBetween(before, now, node)),
      ...effectTexts(effects),
    ];
    if (news.length > 0) this.#lines.push(`${this.#depth}${node.id} ${news.join(", ")}`);
  }
}

function told(node: RaftNode): Told {
  const { role, term, votedFor, leader } = node;
  return {
    role,
    term,
    votedFor,
    leader,
    log: logOf(node),
    configuration: describeConfiguration(node.configuration),
  };
}

function changesBetween(before: Told, now: Told, node: RaftNode): string[] {
  const news: string[] = [];
  if (now.role !== before.role)
    news.push(`becomes ${now.role}${now.term === before.term ? "" : ` of term ${now.term}`}`);
  else if (now.term !== before.term) news.push(`goes to term ${now.term}`);
  if (now.votedFor !== before.votedFor && now.votedFor !== NONE && now.votedFor !== node.id)
    news.push(`votes for ${now.votedFor}`);
  if (now.leader !== before.leader && now.leader !== node.id)
    news.push(now.leader === NONE ? "knows no leader" : `follows ${now.leader}`);
  if (now.log !== before.log) news.push(`has the log ${now.log}`);
  if (now.configuration !== before.configuration) news.push(`is in the configuration ${now.configuration}`);
  return news;
}

function effectTexts(effects: Effects): string[] {
  const texts: string[] = [];
  if (effects.snapshot !== undefined) texts.push(`installs the snapshot at ${effects.snapshot.index}`);
  if (effects.committed.length > 0)
    texts.push(`applies ${range(effects.committed.map(({ index }) => index))}`);
  for (const data of effects.dropped) texts.push(`refuses ${data}`);
  for (const { context, index } of effects.readStates) texts.push(`may serve read ${context} at ${index}`);
  return texts;
}

/** "(8) 9:1 10:2", the compacted part in brackets, then index:term; runs of a term as "4-9:1". */
function logOf({ log }: RaftNode): string {
  const parts: string[] = [];
  for (let first = log.firstIndex; first <= log.lastIndex; ) {
    let last = first;
    while (last < log.lastIndex && log.termAt(last + 1) === log.termAt(first)) last++;
    parts.push(`${first === last ? first : `${first}-${last}`}:${log.termAt(first)}`);
    first = last + 1;
  }
  if (log.firstIndex > 1) parts.unshift(`(${log.firstIndex - 1})`);
  return parts.length > 0 ? parts.join(" ") : "empty";
}

function logText(node: RaftNode): string {
  return `${node.id}: ${logOf(node)}, committed ${node.commitIndex}`;
}

function statusText(node: RaftNode): string {
  const leader = node.leader === NONE ? "no leader known" : `leader ${node.leader}`;
  return `${node.id}: ${node.role}, term ${node.term}, ${leader}, log ${logOf(node)}, committed ${node.commitIndex}`;
}

function range(indexes: readonly number[]): string {
  const [first, last] = [indexes[0], indexes.at(-1)];
  return first === last ? `${first}` : `${first}-${last}`;
}

function messageText(message: Message): string {
  const detail = detailOf(message);
  return `${message.from}→${message.to} ${message.type}${message.term > 0 ? ` term ${message.term}` : ""}${detail === "" ? "" : `, ${detail}`}`;
}

function detailOf(message: Message): string {
  switch (message.type) {
    case "PreVote":
      return `log ends at ${message.lastLogIndex}:${message.lastLogTerm}`;
    case "RequestVote":
      return `log ends at ${message.lastLogIndex}:${message.lastLogTerm}${message.isTransfer ? ", by the leader's wish" : ""}`;
    case "PreVoteResponse":
    case "RequestVoteResponse":
      return message.voteGranted ? "granted" : "refused";
    case "AppendEntries": {
      const entries = message.entries.map(
        ({ index, term, change }) => `${index}:${term}${change === undefined ? "" : " (a change)"}`,
      );
      const after = `after ${message.prevLogIndex}:${message.prevLogTerm}`;
      return `${after} ${entries.length > 0 ? entries.join(" ") : "nothing"}, committed ${message.leaderCommit}`;
    }
    case "AppendEntriesResponse":
      return message.success
        ? `has ${message.index}`
        : `refused after ${message.index}, try ${message.hintIndex}:${message.hintTerm}`;
    case "Heartbeat":
      return `committed ${message.leaderCommit}${message.context > 0 ? `, round ${message.context}` : ""}`;
    case "HeartbeatResponse":
      return message.context > 0 ? `round ${message.context}` : "";
    case "InstallSnapshot":
      return `snapshot at ${message.snapshot.index}:${message.snapshot.term} of ${describeConfiguration(message.snapshot.configuration)}`;
    case "Propose":
      return message.data.join(" ");
    case "ReadIndex":
      return `read ${message.context}`;
    case "ReadIndexResponse":
      return `read ${message.context} at ${message.index}`;
    case "TransferLeadership":
      return `to ${message.transferee}`;
    default:
      return "";
  }
}

function changeOf(words: readonly string[]): ConfigurationChange {
  const [transition, ...parts] = words;
  assert(
    transition === "auto" || transition === "implicit" || transition === "explicit",
    `no transition ${transition}`,
  );
  const types = { "+": "add-voter", "~": "add-learner", "-": "remove" } as const;
  return {
    transition,
    changes: parts.map((part) => ({
      type: types[part[0] as keyof typeof types],
      member: Number(part.slice(1)),
    })),
  };
}
