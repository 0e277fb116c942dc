import { pause } from '../../../emulator/repeat';
import type { InvokeConnection } from '../../deploy/invoke';
import { labelOf, type LearningRow, requestOf } from './rows';

/** Pause of a caller between two requests, real milliseconds. */
const PAUSE_MS = 400;
const CALLERS = 3;

/** Callers that ask the endpoint for the label of one row after the other. */
export class LiveTraffic {
  public answered = 0;
  public readonly failures: string[] = [];
  private readonly ending = new AbortController();
  private readonly ended: Promise<unknown>;
  private sent = 0;

  public constructor(
    private readonly connection: InvokeConnection,
    private rows: readonly LearningRow[],
  ) {
    this.ended = Promise.all(Array.from({ length: CALLERS }, (_, caller) => this.call(caller)));
  }

  /** Asks for the labels of other rows from now on. */
  public changeTo(rows: readonly LearningRow[]): void {
    this.rows = rows;
  }

  /** Returns the accuracy of the responses of a share of the rows, each asked for once. */
  public async accuracy(rows: readonly LearningRow[]): Promise<number> {
    let right = 0;
    for (const row of rows) if ((await this.ask(row)) === row.label) right++;
    return right / rows.length;
  }

  /** Stops the callers; resolves after the last response. */
  public async stop(): Promise<void> {
    this.ending.abort(new Error('the traffic is over'));
    await this.ended;
    this.connection.close();
  }

  private async call(first: number): Promise<void> {
    for (let next = first; !this.ending.signal.aborted; next += CALLERS) {
      const row = this.rows[next % this.rows.length]!;
      try {
        await this.ask(row);
        this.answered++;
      } catch (error) {
        this.failures.push(error instanceof Error ? error.message : String(error));
      }
      await pause(PAUSE_MS, this.ending.signal);
    }
  }

  private async ask({ features }: LearningRow): Promise<unknown> {
    const { statusCode, body } = await this.connection.invoke(requestOf({ id: `live-${this.sent++}`, features }));
    if (statusCode !== 200) throw new Error(`status ${statusCode}: ${body.slice(0, 300)}`);
    return labelOf(body);
  }
}
