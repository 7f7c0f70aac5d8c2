/** `seatrial schema`: the scenario format as a JSON Schema. */
import type { Command } from "commander";
import { scenarioJsonSchema } from "../scenario/json-schema.js";
import { EXIT } from "./exit.js";
import type { Run } from "./program.js";

const EXAMPLES = `
Examples:
  seatrial schema > seatrial.schema.json
  # then, as the first line of a scenario, for editors with the YAML language server:
  # yaml-language-server: $schema=./seatrial.schema.json`;

export function addSchemaCommand(program: Command, run: Run): void {
  program
    .command("schema")
    .summary("print the scenario format as a JSON Schema")
    .description("Prints the scenario format as a JSON Schema (draft 2020-12), for editors and other tools.")
    .addHelpText("after", EXAMPLES)
    .action(() =>
      run(async (terminal) => {
        terminal.out(JSON.stringify(scenarioJsonSchema(), undefined, 2));
        return EXIT.fine;
      }),
    );
}
