/** Ctrl-C: the first asks the work to stop, the second ends the process. */

/** By convention 128 + the signal's number. */
const EXIT_CODES = { SIGINT: 130, SIGTERM: 143 } as const;

export interface Interruptible {
  readonly signal: AbortSignal;
  /** Exit code of the signal that came, if one did. */
  exitCode(): number | undefined;
}

/** Runs `work` with a signal that Ctrl-C aborts. */
export async function interruptible<Result>(
  work: (interrupt: Interruptible) => Promise<Result>,
): Promise<Result> {
  const controller = new AbortController();
  let exitCode: number | undefined;
  const stop = (name: keyof typeof EXIT_CODES) => (): void => {
    if (exitCode !== undefined) process.exit(exitCode);
    exitCode = EXIT_CODES[name];
    controller.abort();
  };
  const listeners = (["SIGINT", "SIGTERM"] as const).map((name) => [name, stop(name)] as const);
  for (const [name, listener] of listeners) process.on(name, listener);
  try {
    return await work({ signal: controller.signal, exitCode: () => exitCode });
  } finally {
    for (const [name, listener] of listeners) process.off(name, listener);
  }
}
