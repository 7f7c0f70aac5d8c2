/** `seatrial policies`: the shelf. */
import type { Command } from "commander";
import { SHELF } from "../policies/shelf.js";
import { DEFAULT_POLICY } from "../scenario/compile-policies.js";
import { EXIT } from "./exit.js";
import type { Run } from "./program.js";
import { listLines } from "./text/table.js";

const EXAMPLES = `
A name of origin "research" is a policy by itself: the default filters, and this one alone scores. "kubernetes" are
kube-scheduler's plugins; "default" is the scenario's own scheduler configuration.

Examples:
  seatrial policies
  seatrial compare scenario.yaml --policy default --policy BestFit
  seatrial policies --json`;

export function addPoliciesCommand(program: Command, run: Run): void {
  program
    .command("policies")
    .summary("list the shelf of policies")
    .description(
      "Lists every scheduling policy and plugin there is: its name, where it comes from, its rule.",
    )
    .option("--json", "as JSON")
    .addHelpText("after", EXAMPLES)
    .action((options: { readonly json?: boolean }) =>
      run(async (terminal) => {
        const shelf = SHELF.map(({ name, origin, description }) => ({ name, origin, rule: description }));
        terminal.out(
          options.json === true
            ? JSON.stringify(shelf, undefined, 2)
            : listLines([
                ["NAME", "ORIGIN", "RULE"],
                [DEFAULT_POLICY, "scenario", "The cluster's own scheduler configuration, all its profiles."],
                ...shelf.map(({ name, origin, rule }) => [name, origin, rule]),
              ]).join("\n"),
        );
        return EXIT.fine;
      }),
    );
}
