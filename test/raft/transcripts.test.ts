/** The stories in transcripts/ still go as they are told there. `npm run transcripts` tells them anew. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { retell } from "./transcript.js";

const folder = fileURLToPath(new URL("transcripts", import.meta.url));
const files = readdirSync(folder)
  .filter((file) => file.endsWith(".txt"))
  .sort((a, b) => (a < b ? -1 : 1));

describe("transcripts", () => {
  it.each(files)("%s", async (file) => {
    const path = join(folder, file);
    await expect(retell(readFileSync(path, "utf8"))).toMatchFileSnapshot(path);
  });
});
