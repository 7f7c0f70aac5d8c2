/**
 * A run's digest: a 64-bit hash over the observable transitions, in order. Two runs with equal digests made the
 * same transitions at the same times. Not cryptographic.
 */

export class RunDigest {
  #high = 0x811c9dc5 | 0;
  #low = 0x01000193 | 0;
  readonly #double = new Float64Array(1);
  readonly #words = new Uint32Array(this.#double.buffer);

  /** Mixes one number (any double). */
  add(value: number): void {
    if (Number.isNaN(value)) {
      // NaN has many bit patterns; it is mixed as one that no number has.
      this.#mix(0x7ff8_0000);
      this.#mix(0x7ff8_0000);
      return;
    }
    // -0 and 0 are one value.
    this.#double[0] = value === 0 ? 0 : value;
    this.#mix(this.#words[0] as number);
    this.#mix(this.#words[1] as number);
  }

  /** Mixes one text, by its UTF-16 units and its length. */
  addText(text: string): void {
    for (let i = 0; i < text.length; i++) this.#mix(text.charCodeAt(i));
    this.#mix(text.length);
  }

  /** Sixteen hex digits. */
  hex(): string {
    return word(avalanche(this.#high ^ this.#low)) + word(avalanche(this.#low + 0x9e3779b9));
  }

  #mix(value: number): void {
    const high = Math.imul(this.#high ^ value, 0x85ebca6b);
    this.#high = (high << 13) | (high >>> 19);
    const low = Math.imul(this.#low ^ value ^ this.#high, 0xc2b2ae35);
    this.#low = (low << 15) | (low >>> 17);
  }
}

/** Murmur3's finaliser: every input bit reaches every output bit. 32-bit in, 32-bit out (signed). */
export function avalanche(value: number): number {
  let h = value | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}

function word(value: number): string {
  return (value >>> 0).toString(16).padStart(8, "0");
}
