/** Plays a bare group and writes down everything that can be seen of it, and at the end everything that cannot. */
import { RandomStreams } from "../../src/engine/random.js";
import { BareGroup } from "../../src/etcd/bare-group.js";
import type { BareGroupModel } from "../../src/etcd/bare-model.js";
import type { Micros } from "../../src/units/time.js";
import type { Variate } from "../../src/units/variate.js";

export interface BareRun {
  readonly group: BareGroup;
  /** One line for each change of a role, term or leader, entry applied, answer, death; and the members' states now and then. */
  readonly lines: readonly string[];
}

/** The members' whole states are written down at `looksUs`, too, and at the end. */
export function play(
  model: BareGroupModel,
  seed: number,
  untilUs: Micros,
  looksUs: readonly Micros[] = [],
): BareRun {
  const lines: string[] = [];
  let group: BareGroup | undefined;
  const note = (text: string) => lines.push(`${group?.nowUs ?? 0} ${text}`);
  group = new BareGroup(model, new RandomStreams(`bare/${seed}`), {
    changed: (member, { role, term, leader }) => note(`m${member} ${role} term ${term} leader ${leader}`),
    applied: (member, index, term, data) => note(`m${member} applied ${index} of term ${term}: ${data}`),
    answered: (client, sentUs, outcome) => note(`client ${client}, asked at ${sentUs}: ${outcome}`),
    crashed: (member) => note(`m${member} crashed`),
  });
  for (const lookUs of [...looksUs, untilUs]) {
    group.run(lookUs);
    for (let member = 0; member < model.members; member++) note(group.node(member)?.describe() ?? "down");
  }
  return { group, lines };
}

/** The same path between all. */
export function paths(members: number, oneWayUs: Variate, loss = 0): BareGroupModel["paths"] {
  return Array.from({ length: members }, () => Array.from({ length: members }, () => ({ oneWayUs, loss })));
}
