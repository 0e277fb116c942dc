import { alarmShapes, type AlarmShape } from '../../scaling/decide';
import type { AlarmStanding } from '../../scaling/decide/observation';
import type { TargetTrackingPolicy } from '../../scaling/decide/plan';
import { ACTION_REPEAT_SECONDS, AlarmCount } from '../aws/cloudwatch';

/** The two alarms of a target-tracking policy, fed datapoint by datapoint. */
export class AlarmPair {
  private readonly high: OneAlarm;
  private readonly low: OneAlarm | undefined;

  public constructor(policy: TargetTrackingPolicy) {
    const { high, low } = alarmShapes(policy);
    this.high = new OneAlarm(high);
    this.low = low && new OneAlarm(low);
  }

  /** Takes the newest datapoint; true if one of the alarms runs its action now. */
  public take(value: number, atSeconds: number): boolean {
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
  private readonly count: AlarmCount;
  private actedAt = -Infinity;

  public constructor(shape: AlarmShape) {
    this.count = new AlarmCount(shape);
  }

  public take(value: number, atSeconds: number): boolean {
    const standing = this.count.take(value);
    const acts = standing && (!this.standing || atSeconds - this.actedAt >= ACTION_REPEAT_SECONDS);
    this.standing = standing;
    if (acts) this.actedAt = atSeconds;
    return acts;
  }
}
