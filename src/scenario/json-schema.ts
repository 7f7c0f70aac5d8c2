/** The scenario format as a JSON Schema, for editors and `seatrial schema`. */
import { z } from "zod";
import { SCENARIO_API_VERSION, scenarioSchema } from "./schema.js";

/** A JSON Schema (draft 2020-12) of plain data; holds everything that one place of a file can get wrong by itself. */
export function scenarioJsonSchema(): Readonly<Record<string, unknown>> {
  const schema = z.toJSONSchema(scenarioSchema, { target: "draft-2020-12", io: "input" });
  return {
    $schema: schema.$schema,
    $id: `https://${SCENARIO_API_VERSION}/scenario.schema.json`,
    title: "Seatrial scenario",
    ...schema,
  };
}
