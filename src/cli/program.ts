/** The command line as a whole: its commands, and how each of their ends becomes an exit code. */
import { Command, CommanderError } from "commander";
import { addCompareCommand } from "./compare.js";
import { addEtcdCommand } from "./etcd.js";
import { BadInput, EXIT } from "./exit.js";
import { addExplainCommand } from "./explain.js";
import { addImportCommand } from "./import.js";
import { addPlanCommand } from "./plan.js";
import { addPoliciesCommand } from "./policies.js";
import { addRunCommand } from "./run.js";
import { addScheduleCommand } from "./schedule.js";
import { addSchemaCommand } from "./schema.js";
import { quoted } from "./study.js";
import type { Terminal } from "./terminal.js";
import { addValidateCommand } from "./validate.js";
import { VERSION } from "./version.js";

/** Does a command's work with its exit code as the result. */
export type Work = (terminal: Terminal) => Promise<number>;
/** Handed to each command: runs its work. */
export type Run = (work: Work) => Promise<void>;

const EXIT_CODES = `
Exit codes: 0 fine, 1 an objective was missed, 2 bad input (nothing is written), 3 internal error.
Every command has its own help: seatrial run --help`;

/** Runs one command line and returns its exit code; never rejects. */
export async function main(words: readonly string[], terminal: Terminal): Promise<number> {
  let code: number = EXIT.fine;
  const program = new Command("seatrial");
  const run: Run = async (work) => {
    code = await work(terminal);
  };
  program
    .description(
      "Simulates Kubernetes scheduling and high availability over several data centres, deterministically.",
    )
    .version(VERSION)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => terminal.out(text.trimEnd()),
      writeErr: (text) => terminal.err(text.trimEnd()),
    })
    .showHelpAfterError("(--help shows what is expected)")
    .addHelpText("after", EXIT_CODES);
  for (const add of [
    addRunCommand,
    addCompareCommand,
    addPlanCommand,
    addEtcdCommand,
    addExplainCommand,
    addScheduleCommand,
    addValidateCommand,
    addImportCommand,
    addPoliciesCommand,
    addSchemaCommand,
  ]) {
    add(program, run);
  }
  try {
    await program.parseAsync(words, { from: "user" });
    return code;
  } catch (error) {
    return exitCodeOf(error, words, terminal);
  }
}

function exitCodeOf(error: unknown, words: readonly string[], terminal: Terminal): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.fine : EXIT.badInput;
  if (error instanceof BadInput) {
    for (const line of error.lines) terminal.err(line);
    return EXIT.badInput;
  }
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  terminal.err(`internal error: ${text}`);
  terminal.err(`repeat it with: npx seatrial ${words.map(quoted).join(" ")}`);
  return EXIT.internal;
}
