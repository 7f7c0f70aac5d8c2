/** The plan of a study: which cells there are, and in which order they are run and written. */
import { assert } from "../assert.js";

/** One run: a policy and a replication, both from 0. */
export interface Cell {
  readonly policyIndex: number;
  readonly replication: number;
}

/** All cells in plan order, the order of every table: by policy, then by replication. */
export function planCells(policies: number, replications: number): Cell[] {
  assert(Number.isInteger(policies) && policies > 0, "a study has at least one policy");
  assert(Number.isInteger(replications) && replications > 0, "a study has at least one replication");
  return Array.from({ length: policies * replications }, (_, index) => ({
    policyIndex: Math.floor(index / replications),
    replication: index % replications,
  }));
}

/**
 * Indices of the cells in the order in which they are handed out: by replication, then by policy, so that a study
 * stopped early has whole replications, which can be compared between policies.
 */
export function runOrder(cells: readonly Cell[]): number[] {
  const key = (index: number): Cell => cells[index] as Cell;
  return cells
    .map((_, index) => index)
    .sort((a, b) => key(a).replication - key(b).replication || key(a).policyIndex - key(b).policyIndex);
}
