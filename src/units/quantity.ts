/**
 * Kubernetes quantities (`500m`, `1Gi`, `1e3`, `100M`), exact.
 *
 * Rule: k8s.io/apimachinery/pkg/api/resource/quantity.go. A quantity is `<sign><digits><suffix>`; suffixes are
 * binary (Ki Mi Gi Ti Pi Ei), decimal (n u m "" k M G T P E) or an exponent (e3, E-2). Nothing finer than nano is
 * kept: finer values are rounded away from zero.
 */

/** An exact quantity in whole nano-units (10^-9). */
export type Quantity = bigint;

/** What {@link parseQuantity} expects, for messages. */
export const QUANTITY_EXPECTED = 'a Kubernetes quantity such as "500m", "2", "1Gi", "100M" or "1e3"';

const NANO_PER_UNIT = 1_000_000_000n;
const NANO_PER_MILLI = 1_000_000n;

const BINARY: Readonly<Record<string, bigint>> = {
  Ki: 1n << 10n,
  Mi: 1n << 20n,
  Gi: 1n << 30n,
  Ti: 1n << 40n,
  Pi: 1n << 50n,
  Ei: 1n << 60n,
};

const DECIMAL_EXPONENT: Readonly<Record<string, number>> = {
  n: -9,
  u: -6,
  m: -3,
  "": 0,
  k: 3,
  M: 6,
  G: 9,
  T: 12,
  P: 15,
  E: 18,
};

const SHAPE = /^([+-]?)([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(Ki|Mi|Gi|Ti|Pi|Ei|[eE][+-]?[0-9]+|[numkMGTPE]?)$/;

/** Reads a quantity as Kubernetes does (a YAML number is read as its text). Undefined when it is none. */
export function parseQuantity(text: string): Quantity | undefined {
  const found = SHAPE.exec(text);
  if (found === null) return undefined;
  const [, sign = "", digits = "", suffix = ""] = found;
  const point = digits.indexOf(".");
  const fraction = point < 0 ? "" : digits.slice(point + 1);
  const mantissa = BigInt(digits.replace(".", ""));
  const binary = BINARY[suffix];
  let exponent = 9 - fraction.length;
  let scaled = mantissa;
  if (binary !== undefined) scaled *= binary;
  else if (suffix in DECIMAL_EXPONENT) exponent += DECIMAL_EXPONENT[suffix] ?? 0;
  else {
    const power = Number(suffix.slice(1));
    if (Math.abs(power) > 1_000) return undefined;
    exponent += power;
  }
  const nano =
    exponent >= 0 ? scaled * 10n ** BigInt(exponent) : ceilDivide(scaled, 10n ** BigInt(-exponent));
  return sign === "-" ? -nano : nano;
}

/** Thousandths, rounded up (away from zero): how the scheduler counts CPU. */
export function milliValue(quantity: Quantity): number {
  return Number(ceilDivide(quantity, NANO_PER_MILLI));
}

/** Whole units, rounded up (away from zero): how the scheduler counts bytes and everything else. */
export function wholeValue(quantity: Quantity): number {
  return Number(ceilDivide(quantity, NANO_PER_UNIT));
}

/** The quantity of so many thousandths. */
export function fromMilli(milli: number): Quantity {
  return BigInt(milli) * NANO_PER_MILLI;
}

/** The quantity of so many whole units. */
export function fromWhole(units: number): Quantity {
  return BigInt(units) * NANO_PER_UNIT;
}

/** The quantity as Kubernetes would accept it back, in the shortest of decimal and binary spellings. */
export function formatQuantity(quantity: Quantity): string {
  if (quantity % NANO_PER_UNIT !== 0n) {
    if (quantity % NANO_PER_MILLI === 0n) return `${quantity / NANO_PER_MILLI}m`;
    if (quantity % 1_000n === 0n) return `${quantity / 1_000n}u`;
    return `${quantity}n`;
  }
  const units = quantity / NANO_PER_UNIT;
  let shortest = String(units);
  if (units === 0n) return shortest;
  for (const [suffix, size] of WHOLE_SUFFIXES) {
    if (units % size !== 0n) continue;
    const text = `${units / size}${suffix}`;
    if (text.length < shortest.length) shortest = text;
  }
  return shortest;
}

/** Sizes above one, largest first; binary ones before decimal ones, so that they win where both are as short. */
const WHOLE_SUFFIXES: readonly (readonly [suffix: string, size: bigint])[] = [
  ...Object.entries(BINARY).reverse(),
  ...Object.entries(DECIMAL_EXPONENT)
    .filter(([, exponent]) => exponent > 0)
    .reverse()
    .map(([suffix, exponent]) => [suffix, 10n ** BigInt(exponent)] as const),
];

function ceilDivide(value: bigint, by: bigint): bigint {
  const quotient = value / by;
  if (value % by === 0n) return quotient;
  return value < 0n ? quotient - 1n : quotient + 1n;
}
