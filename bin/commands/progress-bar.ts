/** A bar on a terminal's line of its own; silent where stderr is no terminal. */
export interface ProgressBar {
  readonly show: (share: number, doing?: string) => void;
  /** Takes the bar away. */
  readonly end: () => void;
}

const WIDTH = 30;
const LEAST_MILLISECONDS_BETWEEN = 80;

/** A progress bar for one task. */
export function progressBar(
  stderr: { write(text: string): unknown; readonly isTTY?: boolean },
  title: string,
): ProgressBar {
  if (stderr.isTTY !== true) return { show: () => undefined, end: () => undefined };
  let drawnAt = 0;
  return {
    show: (share, doing) => {
      const now = Date.now();
      if (now - drawnAt < LEAST_MILLISECONDS_BETWEEN) return;
      drawnAt = now;
      const done = Math.round(share * WIDTH);
      const bar = `${'█'.repeat(done)}${'░'.repeat(WIDTH - done)}`;
      stderr.write(`\r\u001b[2K${title} ${bar} ${doing ?? `${Math.floor(share * 100)} %`}`);
    },
    end: () => stderr.write('\r\u001b[2K'),
  };
}
