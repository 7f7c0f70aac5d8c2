/** `seatrial run`: one scenario under one policy. */
import type { Command } from "commander";
import { addRunOptions, type RunOptions } from "./options.js";
import type { Run } from "./program.js";
import { runStudy } from "./run-study.js";

const EXAMPLES = `
Examples:
  seatrial run scenario.yaml                          its first policy, all replications, on all cores
  seatrial run scenario.yaml --policy BestFit         another policy
  seatrial run scenario.yaml --replication 3 --events the timeline of one replication, in events.csv
  seatrial run scenario.yaml --nodes production/web=12 --json`;

export function addRunCommand(program: Command, run: Run): void {
  const command = program
    .command("run")
    .summary("simulate a scenario under one policy")
    .description(
      "Simulates a scenario under its first policy (or the one named), prints a table, writes CSV files.",
    )
    .argument("<file>", "scenario file")
    .option(
      "--policy <policy>",
      "a policy of the scenario or the shelf, a .ts or .js file, a .yaml configuration",
    );
  addRunOptions(command)
    .addHelpText("after", EXAMPLES)
    .action(
      (file: string, { policy, ...options }: Omit<RunOptions, "policy"> & { readonly policy?: string }) =>
        run((terminal) =>
          runStudy(
            file,
            policy === undefined ? options : { ...options, policy: [policy] },
            "first",
            terminal,
          ),
        ),
    );
}
