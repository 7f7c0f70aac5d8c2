/** Where a command writes: results to the standard output, everything about the run to the standard error. */

export interface Terminal {
  /** Writes lines to the standard output. */
  out(text: string): void;
  /** Writes lines to the standard error. */
  err(text: string): void;
  /** Replaces the last line of the standard error, where that is a terminal; nothing elsewhere. */
  status(text: string): void;
  /** Columns that a table may take. */
  readonly width: number;
}

/** Wide enough for four policies side by side, for files and pipes. */
const WIDTH_OF_A_FILE = 140;
const WIDTH_MIN = 72;

export function processTerminal(): Terminal {
  const { stdout, stderr } = process;
  // A reader who has seen enough (`| head`) is no error.
  for (const stream of [stdout, stderr]) {
    stream.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code !== "EPIPE") throw error;
    });
  }
  let shown = false;
  const clear = (): void => {
    if (shown) stderr.write("\r\x1b[K");
    shown = false;
  };
  return {
    out: (text) => {
      clear();
      stdout.write(`${text}\n`);
    },
    err: (text) => {
      clear();
      stderr.write(`${text}\n`);
    },
    status: (text) => {
      if (!stderr.isTTY) return;
      clear();
      if (text === "") return;
      stderr.write(text.slice(0, (stderr.columns ?? WIDTH_MIN) - 1));
      shown = true;
    },
    width: Math.max(WIDTH_MIN, stdout.isTTY ? stdout.columns : WIDTH_OF_A_FILE),
  };
}
