/** The reference parts of docs/SCENARIO.md and docs/ETCD.md: a table for each mapping of a format, made from its schema. */
import { etcdStudyJsonSchema, scenarioJsonSchema } from "./json-schema.js";

/** The parts of a JSON Schema that matter here. */
interface Schema {
  readonly $ref?: string;
  readonly title?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly type?: string;
  readonly minimum?: number;
  readonly exclusiveMinimum?: number;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: Schema | boolean;
  readonly items?: Schema | boolean;
  readonly prefixItems?: readonly Schema[];
  readonly anyOf?: readonly Schema[];
}

/** Markdown: each mapping with its fields, their types, meanings and defaults. */
export function scenarioReference(): string {
  return referenceOf(scenarioJsonSchema());
}

/** The same of studies of etcd; distributions are explained with scenarios. */
export function etcdStudyReference(): string {
  const { $defs: _, ...schema } = etcdStudyJsonSchema();
  return referenceOf(schema);
}

function referenceOf(schema: Readonly<Record<string, unknown>>): string {
  const whole = schema as Schema & { readonly $defs?: Readonly<Record<string, Schema>> };
  const sections: string[] = [];
  const walk = (schema: Schema, path: string): void => {
    const mapping = mappingOf(schema);
    if (mapping?.properties === undefined) return;
    sections.push(section(path, mapping));
    for (const [name, field] of Object.entries(mapping.properties)) {
      if (field.$ref !== undefined) continue;
      const { inner, suffix } = elementOf(field);
      walk(inner, `${path === "" ? "" : `${path}.`}${name}${suffix}`);
    }
  };
  walk(whole, "");
  const distribution = whole.$defs?.Distribution;
  if (distribution !== undefined) walk(distribution, "distribution");
  return `${sections.join("\n\n")}\n`;
}

/** The mapping itself, or that alternative of a union which is one. */
function mappingOf(schema: Schema): Schema | undefined {
  return schema.properties === undefined
    ? schema.anyOf?.find((option) => option.properties !== undefined)
    : schema;
}

/** What a list holds, or what stands under any key. */
function elementOf(schema: Schema): { readonly inner: Schema; readonly suffix: string } {
  if (typeof schema.items === "object") return { inner: schema.items, suffix: "[]" };
  return { inner: schema, suffix: "" };
}

function section(path: string, { properties = {}, required = [] }: Schema): string {
  const rows = Object.entries(properties).map(([name, field]) => {
    const fallback = required.includes(name) ? "required" : defaultText(field.default);
    return `| \`${name}\` | ${cell(typeText(field))} | ${cell(field.description ?? "")} | ${cell(fallback)} |`;
  });
  const heading = path === "" ? "The file" : `\`${path}\``;
  return [`### ${heading}`, "", "| Field | Is | Means | Default |", "|---|---|---|---|", ...rows].join("\n");
}

function typeText(schema: Schema): string {
  if (schema.$ref !== undefined) return "distribution";
  if (schema.title !== undefined) return schema.title;
  if (schema.const !== undefined) return `\`${String(schema.const)}\``;
  if (schema.enum !== undefined) return schema.enum.map((word) => `\`${String(word)}\``).join(", ");
  if (schema.anyOf !== undefined) return [...new Set(schema.anyOf.map(typeText))].join(" or ");
  switch (schema.type) {
    case "array":
      return listText(schema);
    case "object":
      return mapText(schema);
    case "integer":
      return `whole number${boundText(schema)}`;
    case "number":
      return `number${boundText(schema)}`;
    case "boolean":
      return "true or false";
    default:
      return "text";
  }
}

function listText({ items, prefixItems }: Schema): string {
  if (prefixItems !== undefined)
    return `list of ${prefixItems.length} (${prefixItems.map(typeText).join(", ")})`;
  return typeof items === "object" ? `list of ${typeText(items)}` : "list";
}

function mapText({ properties, additionalProperties }: Schema): string {
  if (properties !== undefined || typeof additionalProperties !== "object") return "mapping";
  const plain = Object.keys(additionalProperties).length === 0;
  return plain ? "mapping" : `mapping of ${typeText(additionalProperties)}`;
}

/** A whole number without a bound of its own has that of the safe integers. */
function boundText({ minimum, exclusiveMinimum }: Schema): string {
  if (exclusiveMinimum !== undefined) return ` above ${exclusiveMinimum}`;
  return minimum === undefined || minimum === Number.MIN_SAFE_INTEGER ? "" : ` from ${minimum}`;
}

/** A default as one would write it in the file. */
function defaultText(value: unknown): string {
  if (value === undefined) return "";
  return `\`${flowText(value)}\``;
}

function flowText(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(flowText).join(", ")}]`;
  if (typeof value !== "object" || value === null) return value === "" ? '""' : String(value);
  const entries = Object.entries(value).map(([key, inner]) => `${key}: ${flowText(inner)}`);
  return entries.length === 0 ? "{}" : `{ ${entries.join(", ")} }`;
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|").replaceAll("<", "\\<");
}
