// Why is this pod pending? As a library. Run it in the project's folder: node docs/examples/explain.mjs
import { fileURLToPath } from "node:url";
import { applyChanges, defaultProfile, Explainer, fileSource, PlacementCluster, Problems, readObjects, schedulePending } from "seatrial";

const file = fileURLToPath(new URL("cluster.yaml", import.meta.url));
const { objects } = readObjects([file], fileSource(), new Problems());
const options = { profiles: [{ ...defaultProfile(), tieBreak: "first" }] };

const pod = "shop/train-0";
const { verdict, suggestions } = new Explainer(PlacementCluster.of(objects, options)).explain(pod);
console.log(`${pod}: ${verdict.kind}`);

// Each suggestion by itself makes the pod fit: try the first on the objects, and place all that is pending.
const [first] = suggestions;
console.log(JSON.stringify(first.changes));
const changed = PlacementCluster.of(applyChanges(objects, first.changes), options);
for (const placement of schedulePending(changed).placements) {
  const { outcome } = placement;
  console.log(`${placement.pod}: ${outcome.kind === "placed" ? outcome.node : outcome.kind}`);
}
