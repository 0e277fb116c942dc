import { Duration } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import { Construct } from 'constructs';
import type { CostGuard } from '../cost';
import type { IGpuEndpoint } from '../inference';
import type { StreamIngestion } from '../ingestion';
import type { ScaleEvents } from '../scaling';

/** Properties of {@link PlatformDashboard}. */
export interface PlatformDashboardProps {
  /**
   * The dashboard's name.
   *
   * @default - a name that CloudFormation makes up
   */
  readonly dashboardName?: string;

  /** The endpoint whose demand, capacity and latency are shown. */
  readonly endpoint: IGpuEndpoint;

  /** The guard whose spend and levels are shown, and which tells how many instances there are. */
  readonly guard: CostGuard;

  /**
   * The events to show.
   *
   * @default - none
   */
  readonly scaleEvents?: ScaleEvents;

  /**
   * The ingestion to show.
   *
   * @default - none
   */
  readonly ingestion?: StreamIngestion;

  /**
   * The alarms to show.
   *
   * @default - none
   */
  readonly alarms?: cloudwatch.IAlarm[];
}

const HALF = 12;
const FULL = 24;

/**
 * One page that answers: is there enough capacity, how fast are answers, what does it cost, what happened?
 *
 * Creates a CloudWatch dashboard (3 USD a month).
 *
 * @example
 * new monitoring.PlatformDashboard(this, 'Dashboard', { endpoint, guard });
 */
export class PlatformDashboard extends Construct {
  /** The dashboard. */
  public readonly dashboard: cloudwatch.Dashboard;

  public constructor(scope: Construct, id: string, props: PlatformDashboardProps) {
    super(scope, id);
    this.dashboard = new cloudwatch.Dashboard(this, 'Dashboard', {
      dashboardName: props.dashboardName,
      defaultInterval: Duration.hours(6),
      widgets: [
        ...(props.alarms === undefined ? [] : [[alarmStates(props.alarms)]]),
        [demand(props), capacity(props)],
        [latency(props), errors(props)],
        [spend(props), levels(props)],
        [...happenings(props), ...records(props)],
      ],
    });
  }
}

function alarmStates(alarms: cloudwatch.IAlarm[]): cloudwatch.IWidget {
  const height = 1 + Math.ceil(alarms.length / 6);
  return new cloudwatch.AlarmStatusWidget({ title: 'Alarms', alarms, width: FULL, height });
}

function demand({ endpoint }: PlatformDashboardProps): cloudwatch.IWidget {
  return new cloudwatch.GraphWidget({
    title: 'Demand',
    width: HALF,
    left: [endpoint.metricInvocations({ statistic: 'Sum', label: 'requests a minute' })],
    right: [endpoint.metricConcurrentRequests({ statistic: 'Maximum', label: 'in flight on the busiest instance' })],
    rightAnnotations: [
      { value: endpoint.maxConcurrencyPerInstance, label: 'tested with', color: cloudwatch.Color.RED },
    ],
    leftYAxis: { min: 0 },
    rightYAxis: { min: 0 },
  });
}

function capacity({ endpoint, guard }: PlatformDashboardProps): cloudwatch.IWidget {
  return new cloudwatch.GraphWidget({
    title: 'Capacity',
    width: HALF,
    left: [
      guard.metricCurrentInstances(endpoint, { label: 'instances' }),
      guard.metricDesiredInstances(endpoint, { label: 'wanted' }),
      guard.metricMaxInstances(endpoint, { label: 'at most' }),
    ],
    leftYAxis: { min: 0 },
  });
}

function latency({ endpoint }: PlatformDashboardProps): cloudwatch.IWidget {
  const percentiles = [50, 95, 99].map(
    (percent) =>
      new cloudwatch.MathExpression({
        expression: `m${percent} / 1000000`,
        usingMetrics: { [`m${percent}`]: endpoint.metricModelLatency({ statistic: `p${percent}` }) },
        label: `p${percent} (s)`,
        period: Duration.minutes(1),
      }),
  );
  return new cloudwatch.GraphWidget({
    title: 'Time the model takes',
    width: HALF,
    left: percentiles,
    leftYAxis: { min: 0, label: 'seconds', showUnits: false },
  });
}

function errors({ endpoint }: PlatformDashboardProps): cloudwatch.IWidget {
  return new cloudwatch.GraphWidget({
    title: 'Failed requests',
    width: HALF,
    left: [
      endpoint.metric5xx({ statistic: 'Sum', label: "server's fault" }),
      endpoint.metric4xx({ statistic: 'Sum', label: "caller's fault" }),
    ],
    leftYAxis: { min: 0 },
  });
}

function spend({ guard }: PlatformDashboardProps): cloudwatch.IWidget {
  return new cloudwatch.GraphWidget({
    title: 'Spend against budget',
    width: HALF,
    left: [
      guard.metricSpend({ label: 'spent (USD)' }),
      guard.metricBudget({ label: 'budget (USD)' }),
      guard.metricForecast({ label: 'forecast (USD)' }),
    ],
    right: [guard.metricBurnRate({ label: 'USD an hour' })],
    leftYAxis: { min: 0, showUnits: false },
    rightYAxis: { min: 0, showUnits: false },
  });
}

function levels({ guard }: PlatformDashboardProps): cloudwatch.IWidget {
  return new cloudwatch.GraphWidget({
    title: 'Level of the cost guard',
    width: HALF,
    left: [guard.metricLevel({ label: 'level' })],
    leftAnnotations: ['ok', 'warn', 'freeze-growth', 'shrink'].map((label, value) => ({ value, label })),
    leftYAxis: { min: 0, max: 3, showUnits: false },
  });
}

function happenings({ endpoint, scaleEvents }: PlatformDashboardProps): cloudwatch.IWidget[] {
  if (scaleEvents === undefined) return [];
  return [
    new cloudwatch.GraphWidget({
      title: 'Events',
      width: HALF,
      stacked: true,
      left: [
        scaleEvents.metricScaleOuts(endpoint, { label: 'scaled out' }),
        scaleEvents.metricScaleIns(endpoint, { label: 'scaled in' }),
        scaleEvents.metricCapacityErrors(endpoint, { label: 'no capacity' }),
        scaleEvents.metricMaxCapacityReached(endpoint, { label: 'at the maximum' }),
      ],
      leftYAxis: { min: 0 },
    }),
  ];
}

function records({ ingestion }: PlatformDashboardProps): cloudwatch.IWidget[] {
  if (ingestion === undefined) return [];
  return [
    new cloudwatch.GraphWidget({
      title: 'Records that wait, records set aside',
      width: HALF,
      left: [ingestion.metricIteratorAge({ label: 'age of the oldest (ms)' })],
      right: [ingestion.metricDeadLetters({ label: 'dead letters' })],
      leftYAxis: { min: 0 },
      rightYAxis: { min: 0 },
    }),
  ];
}
