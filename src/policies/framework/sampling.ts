/** Up to here every node is looked at (scheduler.minFeasibleNodesToFind). */
const MIN_FEASIBLE_NODES = 100;
/** Adaptive sampling never goes below this share (scheduler.minFeasibleNodesPercentageToFind). */
const MIN_PERCENTAGE = 5;

/**
 * After how many feasible nodes the search ends (numFeasibleNodesToFind of pkg/scheduler/schedule_one.go).
 * `percentage` 0 is adaptive: 50 % less a point for every 125 nodes.
 */
export function feasibleNodesToFind(nodes: number, percentage: number): number {
  if (nodes < MIN_FEASIBLE_NODES || percentage >= 100) return nodes;
  const share = percentage === 0 ? Math.max(MIN_PERCENTAGE, 50 - Math.floor(nodes / 125)) : percentage;
  return Math.max(MIN_FEASIBLE_NODES, Math.floor((nodes * share) / 100));
}
