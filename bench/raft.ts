/**
 * An idle Raft group of five: a leader's heartbeats and the followers' answers, handed over at once. Prints ticks a
 * second of CPU time, and how much faster than real time (ten ticks a second at each member) that is.
 */
import { built, cpuSeconds, figure, median } from "./built.js";

const { RaftNode } = await built<typeof import("../src/raft/node.js")>("raft/node");
const { ETCD_DEFAULTS } = await built<typeof import("../src/raft/types.js")>("raft/types");

const MEMBERS = 5;
const ROUNDS = 100_000;
const TICKS_PER_SECOND = 10;

type Node = import("../src/raft/node.js").RaftNode;
type Effects = ReturnType<Node["tick"]>;

/** Five members, the first leading; every message arrives and every write is durable at once. */
class IdleGroup {
  readonly #nodes: Node[];
  readonly #bag: Effects["messages"][number][] = [];
  messages = 0;

  constructor() {
    const voters = Array.from({ length: MEMBERS }, (_, id) => id + 1);
    this.#nodes = voters.map((id) =>
      RaftNode.start({
        ...ETCD_DEFAULTS,
        id,
        voters,
        drawElectionTicks: () => ETCD_DEFAULTS.electionTicks + id,
      }),
    );
    this.#take(1, this.#node(1).campaign());
    this.#deliver();
    if (this.#node(1).role !== "leader") throw new Error("the first member leads");
  }

  /** One tick at every member. */
  tick(): void {
    for (let id = 1; id <= MEMBERS; id++) this.#take(id, this.#node(id).tick());
    this.#deliver();
  }

  #take(id: number, effects: Effects): void {
    const { writeSequence } = effects;
    this.#bag.push(...effects.messages);
    const node = this.#node(id);
    if (writeSequence > node.durableSequence) this.#take(id, node.persisted(writeSequence));
  }

  #deliver(): void {
    for (let message = this.#bag.shift(); message !== undefined; message = this.#bag.shift()) {
      this.messages++;
      this.#take(message.to, this.#node(message.to).receive(message));
    }
  }

  #node(id: number): Node {
    return this.#nodes[id - 1] as Node;
  }
}

const rates: number[] = [];
let perTick = 0;
for (let turn = 0; turn < 3; turn++) {
  const group = new IdleGroup();
  const before = group.messages;
  const seconds = cpuSeconds(() => {
    for (let round = 0; round < ROUNDS; round++) group.tick();
  });
  rates.push((ROUNDS * MEMBERS) / seconds);
  perTick = (group.messages - before) / (ROUNDS * MEMBERS);
}
const rate = median(rates);
console.log(
  `${figure(rate)} ticks a second with ${perTick.toFixed(1)} messages each: ` +
    `${figure(rate / MEMBERS / TICKS_PER_SECOND)} times as fast as real time`,
);
