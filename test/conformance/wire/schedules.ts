import { DescribeScalingActivitiesCommand, PutScheduledActionCommand } from '@aws-sdk/client-application-auto-scaling';
import type { ScheduleVector } from '../schedule-vectors';
import { targetOf, WirePlatform } from './wire-platform';

/** What a schedule did over the wire. */
export interface WiredSchedule {
  /** Instances one second before the run and at it; for a schedule without runs, at both ends of an hour. */
  readonly before: number;
  readonly after: number;
  /** When `DescribeScalingActivities` says that capacity changed. */
  readonly changedAt: readonly string[];
}

/** The metrics of every 10 seconds are played too, so waits are cut: the schedule is put this long before its run. A rate counts from there. */
const LONGEST_WAIT_SECONDS = 3600;

const seconds = (iso: string): number => Date.parse(iso) / 1000;

/** Puts a scheduled action that raises the minimum from 1 to 3, and goes to its first run. */
export async function scheduleOverTheWire({ schedule, timezone, after, runs }: ScheduleVector): Promise<WiredSchedule> {
  const run = runs[0] === undefined ? undefined : seconds(runs[0]);
  const isRate = schedule.startsWith('rate');
  const putAt = isRate ? seconds(after) : Math.max(seconds(after), (run ?? 0) - LONGEST_WAIT_SECONDS);
  const wire = await WirePlatform.start(putAt);
  try {
    await wire.createEndpoint('chat', 1, false);
    await wire.register('chat', 1, 9);
    await wire.platform.scaling.send(
      new PutScheduledActionCommand({
        ...targetOf('chat'),
        ScheduledActionName: 'action',
        Schedule: schedule,
        Timezone: timezone,
        ScalableTargetAction: { MinCapacity: 3 },
      }),
    );
    await wire.goTo(run === undefined ? putAt + 1 : run - 1);
    const before = await wire.capacity('chat');
    await wire.goTo(run ?? putAt + LONGEST_WAIT_SECONDS);
    const { ScalingActivities } = await wire.platform.scaling.send(
      new DescribeScalingActivitiesCommand(targetOf('chat')),
    );
    const changedAt = ScalingActivities!.map(({ StartTime }) => `${StartTime!.toISOString().slice(0, 19)}Z`);
    return { before, after: await wire.capacity('chat'), changedAt };
  } finally {
    await wire.stop();
  }
}
