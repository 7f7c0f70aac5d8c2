/** The shape of a distribution, as plain data; drawing from it is the engine's business (engine/variates.ts). */

/** A distribution. Plain numbers: the unit is that of the field which holds it. */
export type Variate =
  | { readonly kind: "constant"; readonly value: number }
  | { readonly kind: "uniform"; readonly min: number; readonly max: number }
  | { readonly kind: "exponential"; readonly mean: number }
  | { readonly kind: "weibull"; readonly shape: number; readonly scale: number }
  /** exp(Normal(mu, sigma)); mu is the logarithm of the median. */
  | { readonly kind: "logNormal"; readonly mu: number; readonly sigma: number }
  | { readonly kind: "boundedPareto"; readonly shape: number; readonly min: number; readonly max: number }
  /** Erlang where `shape` is a whole number. */
  | { readonly kind: "gamma"; readonly shape: number; readonly scale: number }
  /** One of `values` (ascending), equally likely unless weighted. */
  | { readonly kind: "empirical"; readonly values: readonly number[]; readonly weights?: readonly number[] };
