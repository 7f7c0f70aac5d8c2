/** `seatrial compare`: several policies on the same arrivals and the same failures. */
import type { Command } from "commander";
import { addRunOptions, collect, type RunOptions } from "./options.js";
import type { Run } from "./program.js";
import { runStudy } from "./run-study.js";

const EXAMPLES = `
Examples:
  seatrial compare scenario.yaml                                  the scenario's own policies
  seatrial compare scenario.yaml --policy default --policy BestFit
  seatrial compare scenario.yaml --policy default --policy ./mine.ts --policy ./scheduler.yaml
  seatrial compare scenario.yaml --replications 30 --out results/thirty`;

export function addCompareCommand(program: Command, run: Run): void {
  const command = program
    .command("compare")
    .summary("simulate a scenario under several policies, side by side")
    .description(
      "Simulates a scenario under all its policies (or those named) on the same arrivals and failures, prints them side by side with paired differences to the first, writes CSV files.",
    )
    .argument("<file>", "scenario file")
    .option(
      "--policy <policy>",
      "a policy of the scenario or the shelf, a .ts or .js file, or a .yaml configuration; can be repeated, the first is the baseline",
      collect,
    );
  addRunOptions(command)
    .addHelpText("after", EXAMPLES)
    .action((file: string, options: RunOptions) =>
      run((terminal) => runStudy(file, options, "all", terminal)),
    );
}
