/**
 * What an unquoted word means to kubectl: the resolution rules of go-yaml v2 (sigs.k8s.io/yaml/goyaml.v2/resolve.go),
 * a YAML 1.1 reader with its own deviations: `y`, `yes`, `on` are booleans; `0777` and `0o777` are octal, `0b11`
 * binary, `0x1f` hexadecimal; `1_000` is 1000; sexagesimal numbers (`12:30`) are text; a leading-zero number that is
 * not octal (`089`) is a decimal float; dates are numbers to nobody and stay text.
 */

export type YamlScalar = string | number | bigint | boolean | null;

const WORDS: ReadonlyMap<string, YamlScalar> = new Map<string, YamlScalar>([
  ...["y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"].map(
    (word) => [word, true] as const,
  ),
  ...["n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"].map(
    (word) => [word, false] as const,
  ),
  ...["", "~", "null", "Null", "NULL"].map((word) => [word, null] as const),
  ...[".nan", ".NaN", ".NAN"].map((word) => [word, Number.NaN] as const),
  ...[".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"].map(
    (word) => [word, Number.POSITIVE_INFINITY] as const,
  ),
  ...["-.inf", "-.Inf", "-.INF"].map((word) => [word, Number.NEGATIVE_INFINITY] as const),
]);

const FLOAT = /^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$/;
const POINT_FIRST = /^\.[0-9]+([eE][-+]?[0-9]+)?$/;
const INTEGER = /^([-+]?)(0[xX][0-9a-fA-F]+|0[bB][01]+|0[oO]?[0-7]+|[1-9][0-9]*|0)$/;
const DATE_START = /^[0-9]{4}-/;
const INT64_MIN = -(2n ** 63n);
const UINT64_MAX = 2n ** 64n - 1n;

/** The value of an unquoted, untagged scalar. Integers beyond 2^53 come as bigint, so that nothing is lost. */
export function resolvePlain(text: string): YamlScalar {
  const first = text.charCodeAt(0);
  const number = (first >= 48 && first <= 57) || first === 43 || first === 45;
  if (!number) {
    const word = WORDS.get(text);
    if (word !== undefined) return word;
    return first === 46 && POINT_FIRST.test(text) ? finiteOr(text, text) : text;
  }
  if (text.length < 16 && isDecimal(text, first)) return Number(text);
  const word = WORDS.get(text);
  if (word !== undefined) return word;
  return resolveNumber(text);
}

/** Plain decimal digits without a leading zero: nearly all numbers in manifests. */
function isDecimal(text: string, first: number): boolean {
  if (first === 48) return text.length === 1;
  if (first < 48) return false;
  for (let at = 1; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code < 48 || code > 57) return false;
  }
  return true;
}

function resolveNumber(text: string): YamlScalar {
  if (DATE_START.test(text)) return text;
  const plain = text.replaceAll("_", "");
  const integer = INTEGER.exec(plain);
  if (integer !== null) {
    const [, sign = "", digits = ""] = integer;
    const octal = /^0[0-7]+$/.test(digits);
    const size = BigInt(octal ? `0o${digits.slice(1)}` : digits.toLowerCase());
    const value = sign === "-" ? -size : size;
    const within = value >= INT64_MIN && value <= UINT64_MAX && (sign !== "+" || value < 2n ** 63n);
    if (within) return Number.isSafeInteger(Number(value)) ? Number(value) : value;
  }
  return FLOAT.test(plain) ? finiteOr(plain, text) : text;
}

/** Too large for a double is text to go-yaml, not infinity. */
function finiteOr(plain: string, text: string): number | string {
  const value = Number(plain);
  return Number.isFinite(value) ? value : text;
}

/** The key that JSON gets for a YAML mapping key (sigs.k8s.io/yaml turns keys into text). Undefined for null. */
export function keyText(key: YamlScalar): string | undefined {
  if (key === null) return undefined;
  if (typeof key === "number" && !Number.isInteger(key)) return floatKey(key);
  return String(key);
}

/** Go's shortest %g of a 32-bit float, which is what keys such as `1.10` become. */
function floatKey(value: number): string {
  if (Number.isNaN(value)) return ".nan";
  if (!Number.isFinite(value)) return value > 0 ? ".inf" : "-.inf";
  const single = Math.fround(value);
  for (let digits = 1; digits <= 9; digits++) {
    const text = single.toExponential(digits - 1);
    if (Math.fround(Number(text)) !== single) continue;
    const [mantissa = "", exponent = "0"] = text.split("e");
    const power = Number(exponent);
    if (power >= -4 && power < 21) return String(Number(text));
    return `${mantissa}e${power < 0 ? "-" : "+"}${String(Math.abs(power)).padStart(2, "0")}`;
  }
  return String(value);
}
