/** Leases: never gone early, gone in the end, and their keys with them. */
import { describe, expect, it } from "vitest";
import { checkLeases, type LeaseRecord } from "../../src/consistency/leases.js";
import { SECOND } from "../../src/units/time.js";

const lease: LeaseRecord = {
  id: 7,
  holder: "h",
  ttlUs: 10 * SECOND,
  grant: { sentUs: 0, receivedUs: 1000, answeredUs: 2000 },
  keepAlives: [
    { sentUs: 3 * SECOND, receivedUs: 3 * SECOND + 1000, answeredUs: 3 * SECOND + 2000 },
    { sentUs: 6 * SECOND },
  ],
  revokesSentUs: [],
  sightings: [],
};
const options = { faultsStoppedUs: 0, observedUntilUs: 60 * SECOND, boundUs: 2 * SECOND };
const check = (change: Partial<LeaseRecord>, other: Partial<typeof options> = {}) =>
  checkLeases([{ ...lease, ...change }], { ...options, ...other });

describe("leases", () => {
  it("live on for their time from the last renewal that was answered, and end soon after", () => {
    expect(check({ goneUs: 13 * SECOND + 1000 })).toEqual([]);
    expect(check({ goneUs: 18 * SECOND })).toEqual([]);
  });

  it("are not gone before, unless somebody asked for it", () => {
    const [violation] = check({ goneUs: 12 * SECOND });
    expect(violation).toEqual({
      rule: "lease-safety",
      atUs: 12 * SECOND,
      text: "lease 7 of h, gone at 12000.000 ms: gone 8.999s after it was renewed (at 3001.000 ms); expected to live on for 10s",
    });
    expect(check({ goneUs: 12 * SECOND, revokesSentUs: [11 * SECOND] })).toEqual([]);
    expect(check({ goneUs: 12 * SECOND, revokesSentUs: [13 * SECOND] })).toHaveLength(1);
  });

  it("owe nothing to a renewal that was not answered", () => {
    expect(check({ goneUs: 15 * SECOND })).toEqual([]);
  });

  it("cannot be renewed once they are gone", () => {
    const late = { sentUs: 16 * SECOND, receivedUs: 16 * SECOND + 1, answeredUs: 17 * SECOND };
    const found = check({ goneUs: 15 * SECOND, keepAlives: [late] });
    expect(found.map((one) => one.rule)).toEqual(["lease-safety"]);
    expect(found[0]?.text).toContain("renewed at 16000.001 ms, after it was gone");
  });

  it("must be gone within their time and the bound, counted from the end of the faults", () => {
    expect(check({ goneUs: 18 * SECOND + 1 }).map((one) => one.rule)).toEqual(["lease-liveness"]);
    expect(check({ goneUs: 18 * SECOND + 1 }, { faultsStoppedUs: 7 * SECOND })).toEqual([]);
    expect(check({}).map((one) => one.rule)).toEqual(["lease-liveness"]);
    expect(check({}, { observedUntilUs: 18 * SECOND })).toEqual([]);
    expect(check({})[0]?.text).toContain("expected to be gone at 18000.000 ms, still there at 60000.000 ms");
  });

  it("take their keys with them", () => {
    const sighting = { client: "r", key: "k", callUs: 15 * SECOND, returnUs: 15 * SECOND + 5 };
    expect(check({ goneUs: 15 * SECOND, sightings: [sighting] })).toEqual([]);
    const late = { ...sighting, callUs: 15 * SECOND + 1 };
    expect(check({ goneUs: 15 * SECOND, sightings: [late] }).map((one) => one.rule)).toEqual(["lease-keys"]);
  });
});
