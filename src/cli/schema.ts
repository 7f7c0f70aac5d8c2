/** `seatrial schema`: the file formats as JSON Schemas. */
import { Argument, type Command } from "commander";
import { etcdStudyJsonSchema, scenarioJsonSchema } from "../scenario/json-schema.js";
import { EXIT } from "./exit.js";
import type { Run } from "./program.js";

const EXAMPLES = `
Examples:
  seatrial schema > seatrial.schema.json
  seatrial schema EtcdStudy > seatrial-etcd.schema.json
  # then, as the first line of a scenario, for editors with the YAML language server:
  # yaml-language-server: $schema=./seatrial.schema.json`;

const SCHEMAS = { Scenario: scenarioJsonSchema, EtcdStudy: etcdStudyJsonSchema };

export function addSchemaCommand(program: Command, run: Run): void {
  program
    .command("schema")
    .summary("print a file format as a JSON Schema")
    .description("Prints a file format as a JSON Schema (draft 2020-12), for editors and other tools.")
    .addArgument(new Argument("[kind]", "of which files").choices(Object.keys(SCHEMAS)).default("Scenario"))
    .addHelpText("after", EXAMPLES)
    .action((kind: keyof typeof SCHEMAS) =>
      run(async (terminal) => {
        terminal.out(JSON.stringify(SCHEMAS[kind](), undefined, 2));
        return EXIT.fine;
      }),
    );
}
