/** Building blocks of the scenario's schemas: optional fields with their defaults, alternatives, words. */
import { z } from "zod";

/** A field that may be left out: what it is, and what then holds. */
export function optional<Schema extends z.ZodType>(schema: Schema, description: string, fallback?: unknown) {
  return schema.meta({ description, ...(fallback === undefined ? {} : { default: fallback }) }).optional();
}

export const flag = z.boolean({ error: "expected true or false" });
export const trueOnly = z.literal(true, { error: "expected true" });

export function oneOf<const Words extends readonly [string, ...string[]]>(words: Words) {
  return z.enum(words, { error: `expected ${orList(words)}` });
}

function orList(words: readonly string[]): string {
  return words.length === 1 ? `${words[0]}` : `${words.slice(0, -1).join(", ")} or ${words.at(-1)}`;
}

export const stringMap = z.record(
  z.string(),
  z.string({ error: "expected text (quote numbers and booleans)" }),
);

/** An object of which exactly one field is given; editors learn it from minProperties and maxProperties. */
export function exactlyOne<Shape extends z.core.$ZodLooseShape>(shape: Shape) {
  const keys = Object.keys(shape);
  return z
    .strictObject(shape)
    .refine((value) => keysGiven(value).length === 1, { error: `expected exactly one of ${keys.join(", ")}` })
    .meta({ minProperties: 1, maxProperties: 1 });
}

/** Names of the fields that are there. */
export function keysGiven(value: object): string[] {
  return Object.entries(value)
    .filter(([, given]) => given !== undefined)
    .map(([key]) => key);
}

/** The schema with exactly one of `keys` given besides its other fields. */
export function withExactlyOneOf<Schema extends z.ZodObject>(
  schema: Schema,
  keys: readonly string[],
): Schema {
  const given = (value: Readonly<Record<string, unknown>>) =>
    keys.filter((key) => value[key] !== undefined).length;
  const list = `${keys.slice(0, -1).join(", ")} and ${keys.at(-1)}`;
  return schema
    .refine((value) => given(value) === 1, { error: `expected exactly one of ${list}` })
    .meta({ oneOf: keys.map((key) => ({ required: [key] })) });
}

/** The written fields, and the defaults of those that were left out. */
export function withDefaults<Defaults extends object, Written extends { [Key in keyof Defaults]?: unknown }>(
  defaults: Defaults,
  written: Written,
): { [Key in keyof Defaults]: Defaults[Key] | Exclude<Written[Key], undefined> } {
  const given = Object.entries(written).filter(([, value]) => value !== undefined);
  return { ...defaults, ...Object.fromEntries(given) } as {
    [Key in keyof Defaults]: Defaults[Key] | Exclude<Written[Key], undefined>;
  };
}
