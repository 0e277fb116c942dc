import { alarmShapes } from '../../scaling/decide';
import type { AlarmStanding, TargetTrackingPolicy } from '../../scaling/decide/plan';

/** CloudWatch runs the actions of an alarm that stays in ALARM once a minute. */
const ACTION_REPEAT_SECONDS = 60;

/** The two alarms of a target-tracking policy, fed one datapoint after the other. */
export class AlarmPair {
  public value = NaN;
  private readonly high: OneAlarm;
  private readonly low: OneAlarm | undefined;

  public constructor(policy: TargetTrackingPolicy) {
    const { high, low } = alarmShapes(policy);
    this.high = new OneAlarm(high.datapointsToAlarm, (value) => value > high.threshold);
    this.low = low && new OneAlarm(low.datapointsToAlarm, (value) => value < low.threshold);
  }

  /** Takes the newest datapoint; true when one of the alarms runs its action now. */
  public take(value: number, atSeconds: number): boolean {
    this.value = value;
    const up = this.high.take(value, atSeconds);
    const down = this.low?.take(value, atSeconds) ?? false;
    return up || down;
  }

  public get standing(): AlarmStanding {
    if (this.high.standing) return 'high';
    return this.low?.standing === true ? 'low' : 'ok';
  }
}

class OneAlarm {
  public standing = false;
  private inARow = 0;
  private actedAt = -Infinity;

  public constructor(
    private readonly datapoints: number,
    private readonly breaches: (value: number) => boolean,
  ) {}

  public take(value: number, atSeconds: number): boolean {
    this.inARow = this.breaches(value) ? this.inARow + 1 : 0;
    const standing = this.inARow >= this.datapoints;
    const acts = standing && (!this.standing || atSeconds - this.actedAt >= ACTION_REPEAT_SECONDS);
    this.standing = standing;
    if (acts) this.actedAt = atSeconds;
    return acts;
  }
}
