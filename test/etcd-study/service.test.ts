import { describe, expect, it } from "vitest";
import { Acknowledged, Outages } from "../../src/etcd-study/service.js";

describe("time without service", () => {
  it("is the gaps between successes that are longer than the gap that counts", () => {
    const outages = new Outages(100, 10);
    // Before the warm-up's end nothing counts; then gaps of 5, 30, 10 (not longer), 11.
    for (const atUs of [40, 90, 105, 135, 145, 156]) outages.success(atUs);
    expect(outages.end(160)).toBe(false);
    expect([outages.totalUs, outages.longestUs]).toEqual([41, 30]);
  });

  it("goes on at the horizon, which makes the longest a lower bound", () => {
    const outages = new Outages(0, 10);
    outages.success(5);
    expect(outages.end(50)).toBe(true);
    expect([outages.totalUs, outages.longestUs]).toEqual([45, 45]);
  });

  it("counts from the warm-up's end where nothing ever succeeded, and takes answers that come out of order", () => {
    const never = new Outages(20, 10);
    expect(never.end(100)).toBe(true);
    expect(never.totalUs).toBe(80);
    const swapped = new Outages(0, 10);
    for (const atUs of [8, 6, 16]) swapped.success(atUs);
    swapped.end(20);
    expect(swapped.totalUs).toBe(0);
  });
});

describe("acknowledged writes of a client", () => {
  const writes = new Acknowledged();
  for (const [number, atUs] of [
    [0, 10],
    [2, 20],
    [1, 30],
    [4, 40],
  ] as const) {
    writes.add(number, atUs);
  }

  it("say since when a value has been out of date", () => {
    expect(writes.supersededUs(-1)).toBe(10);
    expect(writes.supersededUs(0)).toBe(20);
    expect(writes.supersededUs(1)).toBe(20);
    expect(writes.supersededUs(2)).toBe(40);
    expect(writes.supersededUs(4)).toBeUndefined();
  });

  it("are visited as far as they were acknowledged by a time", () => {
    const seen: number[] = [];
    writes.forEachBy(30, (number) => seen.push(number));
    expect(seen).toEqual([0, 2, 1]);
  });
});
