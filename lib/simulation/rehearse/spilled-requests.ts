import type { RequestList } from '../fleet/engine/request-list';

/** Requests that left a queue for another endpoint, in columns that grow. */
export class SpilledRequests {
  private at = new Float64Array(1024);
  private service = new Float64Array(1024);
  private count = 0;

  /** Adds a request that leaves at a second of the run, which is not before that of the last one. */
  public add(second: number, serviceSeconds: number): void {
    if (this.count === this.at.length) {
      this.at = grown(this.at);
      this.service = grown(this.service);
    }
    this.at[this.count] = second;
    this.service[this.count++] = serviceSeconds;
  }

  /** Requests so far, in order of time. */
  public list(): RequestList {
    return { at: this.at.subarray(0, this.count), service: this.service.subarray(0, this.count) };
  }
}

function grown(column: Float64Array<ArrayBuffer>): Float64Array<ArrayBuffer> {
  const larger = new Float64Array(column.length * 2);
  larger.set(column);
  return larger;
}
