/** Does to a group what events say, and undoes it. What is struck twice is well again when both have ended. */
import { unreachable } from "../assert.js";
import type { HostId, MemberNumber, PathModel } from "../etcd/model.js";
import type { EtcdWorld } from "../etcd/world.js";
import type { Backup, StartOptions } from "../etcd/world-types.js";
import type { Deed, Occurrence } from "./happenings.js";
import type { StudyAction, StudyCell, StudyLink, StudyScope } from "./model.js";
import type { Operator } from "./operator.js";

/** Members, and the hosts that share their fate where the network is struck. */
interface Struck {
  readonly name: string;
  readonly members: readonly MemberNumber[];
  /** The centre, where a whole one is struck. */
  readonly centre: string | undefined;
}

export class Faults {
  readonly #cell: StudyCell;
  readonly #world: EtcdWorld;
  readonly #operator: Operator;
  /** A group was made anew of a member's copy; told with that member. */
  readonly #recovering: (member: MemberNumber) => void;
  /** By member: events that hold its process down, and its power. */
  readonly #downs: number[];
  readonly #powerDowns: number[];
  /** Left out of a group that was made anew: its disk tells of another history, so it is not started. */
  readonly #isRetired: boolean[];
  /** The last backup of each event. */
  readonly #backups = new Map<number, Backup>();
  readonly #slow: number[];

  constructor(
    cell: StudyCell,
    world: EtcdWorld,
    operator: Operator,
    recovering: (member: MemberNumber) => void,
  ) {
    this.#cell = cell;
    this.#world = world;
    this.#operator = operator;
    this.#recovering = recovering;
    const none = cell.etcd.members.map(() => 0);
    this.#downs = [...none];
    this.#powerDowns = [...none];
    this.#slow = [...none];
    this.#isRetired = cell.etcd.members.map(() => false);
  }

  /** Undefined: nobody leads whom it could strike. `event`: its place among the cell's. */
  strike(action: StudyAction, event: number, occurrence: Occurrence): Deed | undefined {
    switch (action.kind) {
      case "kill":
      case "powerOff":
      case "isolate":
      case "slowDisk":
      case "start": {
        const struck = this.#struckBy(action.scope);
        return struck === undefined
          ? undefined
          : { target: struck.name, undo: this.#strikeMembers(action, struck) };
      }
      case "cut":
        return { target: this.#linksText(action.links), undo: this.#cut(action.links) };
      case "degrade":
        return { target: this.#linksText(action.links), undo: this.#degrade(action) };
      case "moveLeader":
      case "addMember":
      case "promote":
      case "removeMember":
        return this.#ask(action, occurrence);
      case "forceNewCluster":
        this.#makeAnew([action.member], { forceNewCluster: true });
        return this.#done(action.member);
      case "backup":
        this.#backups.set(event, this.#world.group.databaseFile(action.member));
        return this.#done(action.member);
      case "restore":
        return this.#restore(action, occurrence);
      default:
        return unreachable(action);
    }
  }

  #struckBy(scope: StudyScope): Struck | undefined {
    const { group } = this.#world;
    switch (scope.kind) {
      case "members":
        return { name: this.#namesOf(scope.members), members: scope.members, centre: undefined };
      case "centre":
        return this.#centre(scope.centre);
      case "leader":
      case "leaderCentre": {
        const leader = group.leader();
        if (leader === undefined) return undefined;
        const host = this.#cell.etcd.hosts[group.hostOf(leader)];
        if (scope.kind === "leaderCentre") return this.#centre(host?.centre ?? "");
        return { name: group.member(leader).name, members: [leader], centre: undefined };
      }
      default:
        return unreachable(scope);
    }
  }

  #centre(centre: string): Struck {
    const { hosts, members } = this.#cell.etcd;
    const inside = members.flatMap(({ host }, member) => (hosts[host]?.centre === centre ? [member] : []));
    return { name: centre, members: inside, centre };
  }

  #strikeMembers(
    action: Extract<StudyAction, { readonly kind: "kill" | "powerOff" | "isolate" | "slowDisk" | "start" }>,
    struck: Struck,
  ): (() => void) | undefined {
    const { group } = this.#world;
    switch (action.kind) {
      case "kill":
        for (const member of struck.members) this.#hold(member);
        return () => {
          for (const member of struck.members) this.#release(member);
        };
      case "powerOff": {
        // Whoever asks from within a dark centre asks in vain.
        const heal = struck.centre === undefined ? undefined : this.#cut(this.#clientLinks(struck.centre));
        for (const member of struck.members) this.#powerOff(member);
        return () => {
          for (const member of struck.members) this.#powerOn(member);
          heal?.();
        };
      }
      case "isolate":
        return this.#cut(this.#linksAround(struck, action.direction));
      case "slowDisk":
        for (const member of struck.members) {
          this.#slow[member] = (this.#slow[member] as number) + 1;
          group.setFsync(member, action.fsyncUs);
        }
        return () => {
          for (const member of struck.members) {
            const left = (this.#slow[member] as number) - 1;
            this.#slow[member] = left;
            if (left === 0) group.setFsync(member, undefined);
          }
        };
      case "start":
        for (const member of struck.members) {
          this.#downs[member] = 0;
          this.#startIfWell(member);
        }
        return undefined;
    }
  }

  #hold(member: MemberNumber): void {
    this.#downs[member] = (this.#downs[member] as number) + 1;
    this.#world.group.kill(member);
  }

  #release(member: MemberNumber): void {
    this.#downs[member] = Math.max(0, (this.#downs[member] as number) - 1);
    this.#startIfWell(member);
  }

  #powerOff(member: MemberNumber): void {
    this.#powerDowns[member] = (this.#powerDowns[member] as number) + 1;
    this.#world.group.powerOff(member);
  }

  #powerOn(member: MemberNumber): void {
    const left = Math.max(0, (this.#powerDowns[member] as number) - 1);
    this.#powerDowns[member] = left;
    if (left === 0) this.#world.group.powerOn(member);
    this.#startIfWell(member);
  }

  #startIfWell(member: MemberNumber, options: StartOptions = {}): void {
    const { group } = this.#world;
    const isNoFounder = this.#cell.etcd.members[member]?.joinsLater === true && options.wiped !== true;
    const isHeld = (this.#downs[member] as number) > 0 || (this.#powerDowns[member] as number) > 0;
    if (isHeld || this.#isRetired[member] === true || group.member(member).isUp) return;
    if (isNoFounder && group.member(member).incarnation === 0) return;
    group.startMember(member, options);
  }

  #cut(links: readonly StudyLink[]): () => void {
    const { network } = this.#world;
    for (const [from, to] of links) network.cut(from, to);
    return () => {
      for (const [from, to] of links) network.heal(from, to);
    };
  }

  #degrade({ links, oneWayUs, loss }: Extract<StudyAction, { readonly kind: "degrade" }>): () => void {
    const { network } = this.#world;
    for (const [from, to] of links) {
      const path = this.#path(from, to);
      network.setPath(from, to, { oneWayUs: oneWayUs ?? path.oneWayUs, loss: loss ?? path.loss });
    }
    return () => {
      for (const [from, to] of links) network.setPath(from, to, this.#path(from, to));
    };
  }

  #path(from: HostId, to: HostId): PathModel {
    return this.#cell.etcd.paths[from]?.[to] ?? { oneWayUs: { kind: "constant", value: 0 }, loss: 0 };
  }

  #ask(
    action: Extract<StudyAction, { readonly kind: "moveLeader" | "addMember" | "promote" | "removeMember" }>,
    occurrence: Occurrence,
  ): Deed {
    const { member } = action;
    this.#operator.ask(action, occurrence, () => {
      if (action.kind !== "addMember") return;
      // Its disk is empty, or of a life before: a new member begins with nothing.
      this.#isRetired[member] = false;
      this.#downs[member] = 0;
      this.#startIfWell(member, { wiped: true });
    });
    return this.#done(member);
  }

  #restore(
    { members, from }: Extract<StudyAction, { readonly kind: "restore" }>,
    occurrence: Occurrence,
  ): Deed {
    const backup = this.#backups.get(from);
    const target = this.#namesOf(members);
    if (backup === undefined) {
      occurrence.refusal = "no backup was taken";
      return { target, undo: undefined };
    }
    this.#makeAnew(members, { restore: { backup, members } });
    return { target, undo: undefined };
  }

  /** The group is these members from now on; the others are stopped for good, unless they are added again. */
  #makeAnew(members: readonly MemberNumber[], options: StartOptions): void {
    const { group } = this.#world;
    for (const { number } of this.#world.group.members) {
      this.#isRetired[number] = !members.includes(number);
      group.kill(number);
    }
    const [first] = members;
    if (first !== undefined) this.#recovering(first);
    for (const member of members) {
      this.#downs[member] = 0;
      this.#powerDowns[member] = 0;
      group.powerOn(member);
      group.startMember(member, options);
    }
  }

  #done(member: MemberNumber): Deed {
    return { target: this.#namesOf([member]), undo: undefined };
  }

  /** Between what is struck and everything else but the operator. */
  #linksAround({ members, centre }: Struck, direction: "both" | "in" | "out"): StudyLink[] {
    const { hosts, members: all } = this.#cell.etcd;
    const inside =
      centre === undefined
        ? members.map((member) => all[member]?.host ?? 0)
        : [...hosts.keys()].filter(
            (host) => hosts[host]?.centre === centre && host !== this.#cell.operatorHost,
          );
    // A member that is isolated is so from the other members: its clients still reach it.
    const others = centre === undefined ? all.map(({ host }) => host) : [...hosts.keys()];
    const outside = others.filter((host) => !inside.includes(host) && host !== this.#cell.operatorHost);
    return inside.flatMap((one) =>
      outside.flatMap((other): StudyLink[] => {
        const [out, back]: [StudyLink, StudyLink] = [
          [one, other],
          [other, one],
        ];
        if (direction === "both") return [out, back];
        return direction === "out" ? [out] : [back];
      }),
    );
  }

  /** Between the clients of a centre and all members. */
  #clientLinks(centre: string): StudyLink[] {
    const { hosts, members } = this.#cell.etcd;
    const clients = this.#cell.clients
      .map(({ host }) => host)
      .filter((host) => hosts[host]?.centre === centre);
    return clients.flatMap((client) =>
      members.flatMap(({ host }): StudyLink[] => [
        [client, host],
        [host, client],
      ]),
    );
  }

  #linksText(links: readonly StudyLink[]): string {
    const { hosts } = this.#cell.etcd;
    const texts = links.map(([from, to]) => {
      const [a, b] = [hosts[from], hosts[to]];
      return links.length <= 2 ? `${a?.name} to ${b?.name}` : `${a?.centre} to ${b?.centre}`;
    });
    return [...new Set(texts)].join(", ");
  }

  #namesOf(members: readonly MemberNumber[]): string {
    return members.map((member) => this.#world.group.member(member).name).join(", ");
  }
}
