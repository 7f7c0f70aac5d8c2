/**
 * All benches, one after the other: npm run bench [-- engine scheduler raft idle flagship]
 *
 * Each prints figures of this machine and ratios to a baseline measured in the same run, so that a ratio means
 * something where the machine does not. The built files are measured; the benches themselves are loaded by jiti.
 */
import { createJiti } from "jiti";

const ALL = ["engine", "scheduler", "raft", "idle", "flagship"];
const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !ALL.includes(name));
if (unknown.length > 0) {
  console.error(`no bench is named ${unknown.join(", ")}; there are ${ALL.join(", ")}`);
  process.exit(2);
}
const jiti = createJiti(import.meta.url, { tryNative: true });
for (const name of wanted.length > 0 ? wanted : ALL) {
  console.log(`\n# ${name}`);
  await jiti.import(`./${name}.ts`);
}
