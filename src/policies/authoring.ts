/** What a policy file may import from "seatrial"; the package's entry exports the same. */

export { podNumber } from "./framework/pod-number.js";
export type {
  DependsOn,
  NodeInfo,
  Normalizer,
  PluginContext,
  PluginFactory,
  PodInfo,
  PodShape,
  SchedulerView,
} from "./framework/types.js";
export { CPU, EPHEMERAL_STORAGE, MAX_NODE_SCORE, MEMORY } from "./framework/types.js";
export type { PolicyDefinition, PolicyRules } from "./policy.js";
export { definePolicy } from "./policy.js";
export { demandTimesFree, freeShareAfter, freeShareOf } from "./view-helpers.js";
