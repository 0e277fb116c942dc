/** The first runs of a schedule after a moment, as ISO 8601 times. */
export interface ScheduleVector {
  readonly name: string;
  readonly schedule: string;
  readonly timezone?: string;
  readonly after: string;
  readonly runs: readonly string[];
}

/** The examples of the Application Auto Scaling and EventBridge guides, and the days when clocks change. 2026-11-02 is a Monday. */
export const SCHEDULE_VECTORS: readonly ScheduleVector[] = [
  {
    name: 'every day at 10:00',
    schedule: 'cron(0 10 * * ? *)',
    after: '2026-11-02T10:00:00Z',
    runs: ['2026-11-03T10:00:00Z', '2026-11-04T10:00:00Z'],
  },
  {
    name: 'every day at 12:15',
    schedule: 'cron(15 12 * * ? *)',
    after: '2026-11-02T00:00:00Z',
    runs: ['2026-11-02T12:15:00Z'],
  },
  {
    name: 'Monday to Friday at 18:00',
    schedule: 'cron(0 18 ? * MON-FRI *)',
    after: '2026-11-06T12:00:00Z',
    runs: ['2026-11-06T18:00:00Z', '2026-11-09T18:00:00Z'],
  },
  {
    name: 'the first of every month at 8:00',
    schedule: 'cron(0 8 1 * ? *)',
    after: '2026-11-02T00:00:00Z',
    runs: ['2026-12-01T08:00:00Z', '2027-01-01T08:00:00Z'],
  },
  {
    name: 'every 15 minutes',
    schedule: 'cron(0/15 * * * ? *)',
    after: '2026-11-02T00:10:00Z',
    runs: ['2026-11-02T00:15:00Z', '2026-11-02T00:30:00Z'],
  },
  {
    name: 'every 10 minutes Monday to Friday',
    schedule: 'cron(0/10 * ? * MON-FRI *)',
    after: '2026-11-06T23:49:00Z',
    runs: ['2026-11-06T23:50:00Z', '2026-11-09T00:00:00Z'],
  },
  {
    name: 'every 5 minutes from 8:00 to 17:55 Monday to Friday',
    schedule: 'cron(0/5 8-17 ? * MON-FRI *)',
    after: '2026-11-02T17:50:00Z',
    runs: ['2026-11-02T17:55:00Z', '2026-11-03T08:00:00Z'],
  },
  {
    name: 'Monday at 6:30',
    schedule: 'cron(30 6 ? * MON *)',
    after: '2026-11-02T06:30:00Z',
    runs: ['2026-11-09T06:30:00Z'],
  },
  { name: 'Sunday as 1', schedule: 'cron(0 0 ? * 1 *)', after: '2026-11-02T00:00:00Z', runs: ['2026-11-08T00:00:00Z'] },
  {
    name: 'the last day of the month',
    schedule: 'cron(0 0 L * ? *)',
    after: '2027-02-01T00:00:00Z',
    runs: ['2027-02-28T00:00:00Z', '2027-03-31T00:00:00Z'],
  },
  {
    name: 'the last day of February in a leap year',
    schedule: 'cron(0 0 L FEB ? 2028)',
    after: '2026-11-02T00:00:00Z',
    runs: ['2028-02-29T00:00:00Z'],
  },
  {
    name: 'the weekday nearest to the first',
    schedule: 'cron(0 9 1W * ? *)',
    after: '2026-11-01T00:00:00Z',
    runs: ['2026-11-02T09:00:00Z', '2026-12-01T09:00:00Z'],
  },
  {
    name: 'the last weekday of the month',
    schedule: 'cron(0 9 LW * ? *)',
    after: '2027-01-01T00:00:00Z',
    runs: ['2027-01-29T09:00:00Z'],
  },
  {
    name: 'the third Friday',
    schedule: 'cron(0 9 ? * 6#3 *)',
    after: '2026-11-02T00:00:00Z',
    runs: ['2026-11-20T09:00:00Z'],
  },
  {
    name: 'the last Friday',
    schedule: 'cron(0 9 ? * 6L *)',
    after: '2026-11-02T00:00:00Z',
    runs: ['2026-11-27T09:00:00Z'],
  },
  {
    name: 'a list of hours',
    schedule: 'cron(0 6,18 * * ? *)',
    after: '2026-11-02T06:00:00Z',
    runs: ['2026-11-02T18:00:00Z', '2026-11-03T06:00:00Z'],
  },
  { name: 'nothing after the last year', schedule: 'cron(0 10 * * ? 2025)', after: '2026-11-02T00:00:00Z', runs: [] },
  {
    name: '8:00 in Berlin, in winter and in summer',
    schedule: 'cron(0 8 * * ? *)',
    timezone: 'Europe/Berlin',
    after: '2027-03-27T00:00:00Z',
    runs: ['2027-03-27T07:00:00Z', '2027-03-28T06:00:00Z'],
  },
  {
    name: 'a time that clocks skip, moved forward',
    schedule: 'cron(30 2 * * ? *)',
    timezone: 'Europe/Berlin',
    after: '2027-03-27T12:00:00Z',
    runs: ['2027-03-28T01:30:00Z', '2027-03-29T00:30:00Z'],
  },
  {
    name: 'a time that clocks show twice, once',
    schedule: 'cron(30 2 * * ? *)',
    timezone: 'Europe/Berlin',
    after: '2027-10-30T12:00:00Z',
    runs: ['2027-10-31T00:30:00Z', '2027-11-01T01:30:00Z'],
  },
  {
    name: 'a day ahead of UTC',
    schedule: 'cron(0 9 ? * MON *)',
    timezone: 'Pacific/Auckland',
    after: '2026-11-01T00:00:00Z',
    runs: ['2026-11-01T20:00:00Z'],
  },
  { name: 'once', schedule: 'at(2026-11-02T12:00:00)', after: '2026-11-02T00:00:00Z', runs: ['2026-11-02T12:00:00Z'] },
  {
    name: 'once in a time zone',
    schedule: 'at(2026-11-02T12:00:00)',
    timezone: 'America/New_York',
    after: '2026-11-02T00:00:00Z',
    runs: ['2026-11-02T17:00:00Z'],
  },
  { name: 'once, in the past', schedule: 'at(2020-01-01T00:00:00)', after: '2026-11-02T00:00:00Z', runs: [] },
  {
    name: 'at a rate',
    schedule: 'rate(6 hours)',
    after: '2026-11-02T00:00:00Z',
    runs: ['2026-11-02T06:00:00Z', '2026-11-02T12:00:00Z'],
  },
];
