import type { Workload } from './workload';

/** Parser of one trace format, line by line. */
export interface TraceReader {
  /** Parses a line that is not empty. */
  take(text: string, line: number): void;
  /** Returns the workload at the end of the file; `line` is the number of the last line. */
  finish(line: number): Workload;
}
