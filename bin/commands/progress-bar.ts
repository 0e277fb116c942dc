/** Progress bar on a line of its own; silent where stderr is not a terminal. */
export interface ProgressBar {
  readonly show: (share: number, doing?: string) => void;
  /** Removes the bar. */
  readonly end: () => void;
}

const WIDTH = 30;
const MIN_COLUMNS = 20;
const DEFAULT_COLUMNS = 80;
const MIN_MILLISECONDS_BETWEEN = 80;

/** Stream that the bar is drawn on; `columns` is the width of a terminal. */
export interface ProgressStream {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
}

/**
 * A progress bar for one task.
 *
 * A share outside 0 to 1, or none, is drawn as the nearest one. A line never exceeds the width of the terminal, where it would wrap and
 * could not be removed.
 */
export function progressBar(stderr: ProgressStream, title: string): ProgressBar {
  if (stderr.isTTY !== true) return { show: () => undefined, end: () => undefined };
  let drawnAt = -Infinity;
  return {
    show: (share, doing) => {
      const now = performance.now();
      if (now - drawnAt < MIN_MILLISECONDS_BETWEEN) return;
      drawnAt = now;
      const ratio = Number.isFinite(share) ? Math.min(1, Math.max(0, share)) : 0;
      const done = Math.round(ratio * WIDTH);
      const bar = `${'█'.repeat(done)}${'░'.repeat(WIDTH - done)}`;
      const line = `${title} ${bar} ${doing ?? `${Math.floor(ratio * 100)} %`}`;
      const columns = Math.max(MIN_COLUMNS, stderr.columns ?? DEFAULT_COLUMNS);
      stderr.write(`\r\u001b[2K${line.length < columns ? line : `${line.slice(0, columns - 2)}…`}`);
    },
    end: () => {
      if (drawnAt >= 0) stderr.write('\r\u001b[2K');
      drawnAt = -Infinity;
    },
  };
}

/** Returns the result of a task, and removes the bar when the task ends, also when it throws: the message then has a line of its own. */
export function barWhile<T>(bar: ProgressBar, task: () => T): T {
  try {
    return task();
  } finally {
    bar.end();
  }
}
