import type { Colours } from '../output/colours';
import type { ProgressStream } from './progress-bar';

/** Streams and exit code of a command. */
export interface CommandSurroundings {
  readonly stdout: { write(text: string): unknown };
  readonly stderr: ProgressStream;
  /** Receives 0 or 1 when the command has finished; bad input is thrown as an InputError instead. */
  readonly onExitCode: (code: 0 | 1) => void;
  /** Version of the package. @default - unknown */
  readonly version?: string;
  /** @default - none */
  readonly colours?: Colours;
}
