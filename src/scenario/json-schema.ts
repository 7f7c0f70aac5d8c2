/** The formats as JSON Schemas, for editors and `seatrial schema`. */
import { z } from "zod";
import { etcdStudySchema } from "./etcd-study-schema.js";
import { SCENARIO_API_VERSION, scenarioSchema } from "./schema.js";

/** A JSON Schema (draft 2020-12) of plain data; holds everything that one place of a file can get wrong by itself. */
export function scenarioJsonSchema(): Readonly<Record<string, unknown>> {
  return jsonSchemaOf(scenarioSchema, "scenario", "Seatrial scenario");
}

/** The same of the format of studies of etcd. */
export function etcdStudyJsonSchema(): Readonly<Record<string, unknown>> {
  return jsonSchemaOf(etcdStudySchema, "etcd-study", "Seatrial study of etcd");
}

function jsonSchemaOf(format: z.ZodType, file: string, title: string): Readonly<Record<string, unknown>> {
  const schema = z.toJSONSchema(format, { target: "draft-2020-12", io: "input" });
  return {
    $schema: schema.$schema,
    $id: `https://${SCENARIO_API_VERSION}/${file}.schema.json`,
    title,
    ...schema,
  };
}
