/**
 * Go's 64-bit integer arithmetic on doubles that hold integers. The quotient of two integers below 2^53 is correctly
 * rounded, and truncating it never lands on the wrong side; only products need care.
 */

/** a * b / c, truncated toward zero as Go's int64 does; exact also where a * b passes 2^53. c is not 0. */
export function multiplyDivide(a: number, b: number, c: number): number {
  const product = a * b;
  if (product <= Number.MAX_SAFE_INTEGER && product >= Number.MIN_SAFE_INTEGER)
    return Math.trunc(product / c);
  return Number((BigInt(a) * BigInt(b)) / BigInt(c));
}
