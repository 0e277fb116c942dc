import type { Workload } from './workload';

/** Reads a trace line by line. */
export interface TraceReader {
  /** Takes one line that is not empty. */
  take(text: string, line: number): void;
  /** The end of the file; `line` is the last line's number. */
  finish(line: number): Workload;
}
