/** The strict reconfiguration check as tables (etcd 3.5: membership/cluster.go, etcdserver/util.go, server.go). */
import { describe, expect, it } from "vitest";
import {
  isConnectedAfterAdding,
  isConnectedAfterRemoving,
  isConnectedSince,
  isReadyToAddVoter,
  isReadyToPromote,
  isReadyToRemoveVoter,
  quorumOf,
} from "../../src/etcd/reconfiguration.js";

describe("Strict reconfiguration check", () => {
  it("A quorum is more than half.", () => {
    expect([1, 2, 3, 4, 5].map(quorumOf)).toEqual([1, 2, 2, 3, 3]);
  });

  it.each([
    // voters, started, allowed: with the new one, who has not started, the started ones must be a quorum.
    [1, 1, true],
    [2, 2, true],
    [2, 1, false],
    [3, 3, true],
    [3, 2, false],
    [4, 3, true],
    [4, 2, false],
    [5, 4, true],
    [5, 3, false],
  ])("Of %i voters %i have started: adding a voter is let through: %s.", (voters, started, allowed) => {
    expect(isReadyToAddVoter({ voters, started })).toBe(allowed);
  });

  it.each([
    [2, 2, true],
    [2, 1, false],
    [1, 1, true],
    [0, 0, false],
    [4, 3, true],
    [4, 2, false],
  ])("Without the one to go %i voters are left, %i started: removing is let through: %s.", (voters, started, allowed) => {
    expect(isReadyToRemoveVoter({ voters, started })).toBe(allowed);
  });

  it.each([
    [1, 1, true],
    [3, 3, true],
    [3, 2, true],
    [3, 1, false],
    [2, 1, true],
  ])("Of %i voters %i have started: promoting a learner, who has, is let through: %s.", (voters, started, allowed) => {
    expect(isReadyToPromote({ voters, started })).toBe(allowed);
  });

  it("A group of one may grow though the new member is not connected; of three, all must be; of five, four.", () => {
    expect(isConnectedAfterAdding(1, 1)).toBe(true);
    expect(isConnectedAfterAdding(3, 3)).toBe(true);
    expect(isConnectedAfterAdding(2, 3)).toBe(false);
    expect(isConnectedAfterAdding(3, 5)).toBe(false);
    expect(isConnectedAfterAdding(4, 5)).toBe(true);
  });

  it("Without a connected voter the connected rest must be a quorum of the rest.", () => {
    expect(isConnectedAfterRemoving(3, 3)).toBe(true);
    expect(isConnectedAfterRemoving(2, 3)).toBe(false);
    expect(isConnectedAfterRemoving(4, 5)).toBe(true);
    expect(isConnectedAfterRemoving(3, 5)).toBe(false);
  });

  it("Connected since a moment is who was so before it and never lost it.", () => {
    const peers = { activeSinceUs: (member: number) => (member === 1 ? 500 : undefined) };
    expect(isConnectedSince(peers, 1, 501)).toBe(true);
    expect(isConnectedSince(peers, 1, 500)).toBe(false);
    expect(isConnectedSince(peers, 2, 501)).toBe(false);
  });
});
