import { stringify } from 'yaml';
import { parseTemplateText } from '../../../bin/input/template-text';
import { prove } from '../../../lib/proof/prove';
import { parseCron } from '../../../lib/scaling/decide/cron';
import { parseSchedule } from '../../../lib/scaling/decide/schedule-expression';
import { fleetsOfTemplates } from '../../../lib/simulation/blueprint';
import { rehearse } from '../../../lib/simulation/rehearse';
import { TraceParser } from '../../../lib/simulation/traffic/trace-parser';
import { chatTemplate, guardResources } from '../../simulation/blueprint/chat-template';
import { textOf, type Form, type HostileInput } from '../form';
import { mutated, mutatedJson, mutatedJsonText } from '../mutations';

/** Good templates: a fleet that tracks, one with steps, schedules, an alarm, conditions and parameters, and one with a guard. */
const TEMPLATES: readonly unknown[] = [
  chatTemplate(),
  chatTemplate({ resources: guardResources({ amountUsd: 100, periodStart: null, periodEnd: null }) }),
  chatTemplate({
    parameters: { Most: { Type: 'Number', Default: 8 }, Stage: { Type: 'String', Default: 'dev' } },
    target: { MaxCapacity: { Ref: 'Most' }, MinCapacity: { 'Fn::If': ['IsProd', 2, 1] } },
    resources: {
      Steps: {
        Type: 'AWS::ApplicationAutoScaling::ScalingPolicy',
        Properties: {
          PolicyName: 'steps',
          PolicyType: 'StepScaling',
          ScalingTargetId: { Ref: 'Target' },
          StepScalingPolicyConfiguration: {
            AdjustmentType: 'PercentChangeInCapacity',
            Cooldown: 60,
            MinAdjustmentMagnitude: 1,
            StepAdjustments: [
              { MetricIntervalLowerBound: 0, MetricIntervalUpperBound: 10, ScalingAdjustment: 20 },
              { MetricIntervalLowerBound: 10, ScalingAdjustment: 50 },
            ],
          },
        },
      },
      Alarm: {
        Type: 'AWS::CloudWatch::Alarm',
        Properties: {
          Namespace: 'AWS/SageMaker',
          MetricName: 'ConcurrentRequestsPerModel',
          Dimensions: [
            { Name: 'EndpointName', Value: 'chat' },
            { Name: 'VariantName', Value: 'main' },
          ],
          Statistic: 'Maximum',
          Period: 60,
          EvaluationPeriods: 2,
          Threshold: 5,
          ComparisonOperator: 'GreaterThanThreshold',
          AlarmActions: [{ Ref: 'Steps' }],
        },
      },
    },
  }),
];

const withConditions = TEMPLATES.map((template) => ({
  ...(template as object),
  Conditions: { IsProd: { 'Fn::Equals': [{ Ref: 'Stage' }, 'prod'] } },
}));

/** Ten minutes of counts. */
function traffic(): ReturnType<TraceParser['finish']> {
  const parser = new TraceParser({ name: 'counts.csv', seed: 1 });
  for (const line of ['# step_seconds=60', 'requests', ...Array.from({ length: 10 }, (_, index) => String(30 + index))])
    parser.take(line);
  return parser.finish();
}

const workload = traffic();

/** Maximum capacity of fleets that are rehearsed here. */
const MAX_CAPACITY = 2000;

function readTemplate(input: HostileInput): unknown {
  const document = parseTemplateText(textOf(input), 'hostile.template', () => undefined);
  const templates = [{ name: 'hostile.template', document }] as Parameters<typeof prove>[0];
  const findings = prove(templates);
  const { fleets, skipped } = fleetsOfTemplates(templates);
  const rehearsals = fleets
    .filter(({ plan }) => plan.maxCapacity <= MAX_CAPACITY)
    .slice(0, 2)
    .map((fleet) => rehearse(fleet, workload, { seed: 1 }));
  return { findings, skipped, rehearsals };
}

/** Nesting that is written by indent; what lies deeper is in brackets, as the text would grow with the square of its depth. */
const MAX_INDENTED = 100;

/** Text of a document as YAML. */
function yamlOf(document: unknown): string {
  const deep: string[] = [];
  const cut = (value: unknown, depth: number): unknown => {
    if (typeof value !== 'object' || value === null) return value;
    if (depth === MAX_INDENTED) return `deep-${deep.push(JSON.stringify(value)) - 1}-`;
    if (Array.isArray(value)) return Array.from({ length: value.length }, (_, index) => cut(value[index], depth + 1));
    return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, cut(member, depth + 1)]));
  };
  const text = stringify(cut(document, 0), { aliasDuplicateObjects: false, lineWidth: 0 });
  return text.replace(/deep-(\d+)-/g, (_, index: string) => deep[Number(index)]!);
}

export const TEMPLATE_FORMS: readonly Form[] = [
  {
    name: 'templates as JSON',
    share: 7,
    input: (random) => mutatedJsonText(withConditions[Math.floor(random.uniform() * withConditions.length)], random),
    read: readTemplate,
  },
  {
    name: 'templates as YAML',
    share: 5,
    input: (random) => {
      const template = withConditions[Math.floor(random.uniform() * withConditions.length)];
      const text = yamlOf(random.uniform() < 0.5 ? mutatedJson(template, random) : template);
      return random.uniform() < 0.7 ? mutated(text, random) : text;
    },
    read: readTemplate,
  },
  {
    name: 'schedules',
    share: 3,
    input: (random) =>
      mutated(
        ['cron(0 8 ? * MON-FRI *)', 'rate(5 minutes)', 'at(2026-01-05T08:00:00)', 'cron(0/15 8-18 1,15 * ? 2026-2030)'][
          Math.floor(random.uniform() * 4)
        ]!,
        random,
      ),
    read: (input) => {
      const text = textOf(input);
      return text.startsWith('cron(') ? parseCron(text.slice(5, -1)) : parseSchedule(text, 'Europe/Berlin');
    },
  },
];
