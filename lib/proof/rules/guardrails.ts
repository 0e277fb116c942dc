import { findInstanceType } from '../../catalog/instance-types';
import type { Json } from '../../core/parse';
import { lookup } from '../../core/lookup';
import type { RuleViolation } from '../finding';
import type { DeclaredEndpoint, DeclaredVariant, TemplateModel, TemplateReader } from '../../template';
import type { ProofRule } from '../rule-support/rule';

const BLUE_GREEN = 'BlueGreenUpdatePolicy';
const ROLLING = 'RollingUpdatePolicy';
const SHIFTING = `${BLUE_GREEN}.TrafficRoutingConfiguration`;

/** Value at a path of objects. */
function valueAt(reader: TemplateReader, at: Json | undefined, path: string): unknown {
  const names = path.split('.');
  const last = names.pop()!;
  return names.reduce<Json | undefined>((inner, name) => reader.object(inner?.[name]), at)?.[last];
}

/** A rollout of an endpoint, as far as it is known. */
interface Rollout {
  readonly endpoint: DeclaredEndpoint;
  readonly reader: TemplateReader;
  readonly config: Json;
}

function rolloutsOf(model: TemplateModel): Rollout[] {
  return model.endpoints.flatMap((endpoint) => {
    const { reader, properties } = endpoint.resource;
    const config = reader.object(properties['DeploymentConfig']);
    return config === undefined ? [] : [{ endpoint, reader, config }];
  });
}

function has({ reader, config }: Rollout, path: string): boolean {
  return !reader.isAbsent(valueAt(reader, config, path));
}

/** Parts of a fleet that are replaced at a time: limits in percent. Source: SageMaker API reference, RollingUpdatePolicy, TrafficRoutingConfig. */
const STEP_LIMITS_PERCENT: readonly (readonly [path: string, least: number, most: number])[] = [
  [`${ROLLING}.MaximumBatchSize`, 5, 50],
  [`${ROLLING}.RollbackMaximumBatchSize`, 5, 100],
  [`${SHIFTING}.CanarySize`, 1, 50],
  [`${SHIFTING}.LinearStepSize`, 10, 50],
];

/** Ranges in seconds. Source: SageMaker API reference, BlueGreenUpdatePolicy, RollingUpdatePolicy, TrafficRoutingConfig. */
const RANGES: readonly (readonly [path: string, least: number, most: number])[] = [
  [`${BLUE_GREEN}.TerminationWaitInSeconds`, 0, 3600],
  [`${BLUE_GREEN}.MaximumExecutionTimeoutInSeconds`, 600, 28_800],
  [`${SHIFTING}.WaitIntervalInSeconds`, 0, 3600],
  [`${ROLLING}.WaitIntervalInSeconds`, 0, 3600],
  [`${ROLLING}.MaximumExecutionTimeoutInSeconds`, 600, 28_800],
];

function* invalid(model: TemplateModel): Iterable<RuleViolation> {
  for (const rollout of rolloutsOf(model)) {
    const { reader, config, endpoint } = rollout;
    const at = endpoint.resource;
    if ([BLUE_GREEN, ROLLING].every((name) => reader.object(config[name]) !== undefined)) {
      yield {
        at,
        property: 'DeploymentConfig',
        message: 'the deployment is both blue/green and rolling; the service accepts one',
      };
    }
    for (const [path, least, most] of STEP_LIMITS_PERCENT) {
      const size = reader.object(valueAt(reader, config, path));
      const value = reader.number(size?.['Value']);
      const type = reader.text(size?.['Type']);
      const name = path.split('.').pop()!;
      if (value === undefined) continue;
      if (type === 'INSTANCE_COUNT') yield* tooMany(model, rollout, { path, name, value, most });
      if (type !== 'CAPACITY_PERCENT' || (value >= least && value <= most)) continue;
      yield {
        at,
        property: `DeploymentConfig.${path}.Value`,
        message: `${name} is ${value} % of the fleet; the service accepts ${least} to ${most} %`,
        remedy: `set it to a value from ${least} to ${most}`,
      };
    }
    for (const [path, least, most] of RANGES) {
      const value = reader.number(valueAt(reader, config, path));
      if (value === undefined || (value >= least && value <= most)) continue;
      yield {
        at,
        property: `DeploymentConfig.${path}`,
        message: `${path.split('.').pop()} is ${value} s; the service accepts ${least} to ${most} s`,
        remedy: `set it to a value from ${least} to ${most}`,
      };
    }
    yield* withoutSize(rollout);
    yield* waitsTooLong(rollout);
  }
}

/** Sizes of each way of shifting traffic. */
const SIZES: { readonly [type: string]: string } = lookup({ CANARY: 'CanarySize', LINEAR: 'LinearStepSize' });

function* withoutSize(rollout: Rollout): Iterable<RuleViolation> {
  const { reader, config, endpoint } = rollout;
  const shifting = reader.object(valueAt(reader, config, SHIFTING));
  const type = reader.text(shifting?.['Type']) ?? '';
  const size = SIZES[type];
  if (shifting === undefined || size === undefined || !reader.isAbsent(shifting[size])) return;
  yield {
    at: endpoint.resource,
    property: `DeploymentConfig.${SHIFTING}.${size}`,
    message: `${type} has no ${size}; the service needs it`,
    remedy: `set ${size}`,
  };
}

/** A size in instances. */
interface Size {
  readonly path: string;
  readonly name: string;
  readonly value: number;
  /** Maximum part of the fleet in percent. */
  readonly most: number;
}

/** Instances of a variant, from the least to the most. */
function countsOf(
  model: TemplateModel,
  variant: DeclaredVariant,
): { least: number; most: number; initial: number } | undefined {
  const target = model.targets.find((one) => one.dimension === 'variant' && one.variant === variant);
  const initial = variant.config.reader.number(variant.properties['InitialInstanceCount']);
  const least = target === undefined ? initial : target.min;
  const most = target === undefined ? initial : target.max;
  return least === undefined || most === undefined ? undefined : { least, most, initial: initial ?? most };
}

function* tooMany(
  model: TemplateModel,
  { endpoint }: Rollout,
  { path, name, value, most }: Size,
): Iterable<RuleViolation> {
  for (const variant of endpoint.variants) {
    const counts = countsOf(model, variant);
    // A part of a single instance is that instance.
    if (counts === undefined || counts.most < 2 || value <= (Math.max(2, counts.least) * most) / 100) continue;
    const isNever = value > (counts.most * most) / 100;
    const fleet = isNever ? counts.most : Math.max(2, counts.least);
    yield {
      at: endpoint.resource,
      property: `DeploymentConfig.${path}.Value`,
      message:
        `${name} is ${value} instances, above ${most} % of ${fleet}${isNever ? '' : ', the smallest fleet'}: ` +
        `the service refuses the update${isNever ? '' : ' while the fleet is that small'}`,
      remedy: `set it to ${Math.max(1, Math.floor((Math.max(2, counts.least) * most) / 100))} or less, or write CAPACITY_PERCENT`,
      // A fleet that begins with fewer is refused from the first update on.
      severity: isNever || value > (counts.initial * most) / 100 ? 'error' : 'warning',
    };
    return;
  }
}

function* waitsTooLong(rollout: Rollout): Iterable<RuleViolation> {
  const { reader, config, endpoint } = rollout;
  const seconds = (path: string): number | undefined => {
    const value = valueAt(reader, config, path);
    return reader.isAbsent(value) ? 0 : reader.number(value);
  };
  for (const policy of [BLUE_GREEN, ROLLING]) {
    const path = `${policy}.MaximumExecutionTimeoutInSeconds`;
    if (!has(rollout, path)) continue;
    const wait = seconds(`${policy === BLUE_GREEN ? SHIFTING : ROLLING}.WaitIntervalInSeconds`);
    const end = policy === BLUE_GREEN ? seconds(`${BLUE_GREEN}.TerminationWaitInSeconds`) : 0;
    const steps = stepsOf(rollout, policy);
    const most = seconds(path);
    if (wait === undefined || end === undefined || most === undefined) continue;
    const total = wait * steps + end;
    if (total === 0 || most > total) continue;
    const sum = steps === 1 ? `${wait} s` : `${steps} × ${wait} s`;
    yield {
      at: endpoint.resource,
      property: `DeploymentConfig.${path}`,
      message:
        `the update times out after ${most} s, and its waits alone are ` +
        `${policy === BLUE_GREEN ? `${sum} + ${end} s = ` : ''}${total} s: it rolls back every time`,
      remedy: `set it above ${total} with the start-up of the instances, or shorten the waits`,
    };
  }
}

/** Minimum number of waits between the steps of a rollout. */
function stepsOf({ reader, config }: Rollout, policy: string): number {
  const isRolling = policy === ROLLING;
  if (!isRolling && reader.text(valueAt(reader, config, `${SHIFTING}.Type`)) !== 'LINEAR') return 1;
  const size = reader.object(
    valueAt(reader, config, isRolling ? `${ROLLING}.MaximumBatchSize` : `${SHIFTING}.LinearStepSize`),
  );
  const value = reader.number(size?.['Value']);
  if (value === undefined || value <= 0 || reader.text(size?.['Type']) !== 'CAPACITY_PERCENT') return 1;
  return Math.max(1, Math.ceil(100 / value));
}

function* unsupported(model: TemplateModel): Iterable<RuleViolation> {
  for (const rollout of rolloutsOf(model)) {
    const { endpoint } = rollout;
    const at = endpoint.resource;
    const falls = 'the update falls back to all at once, without a baking period and without roll-back by alarms';
    const first = endpoint.variants.flatMap(({ instanceTypes }) => instanceTypes).find((name) => isInf1(name));
    if (first !== undefined && endpoint.hasAllVariants) {
      yield { at, property: 'DeploymentConfig', message: `${first} does not support deployment guardrails: ${falls}` };
      continue;
    }
    if (!has(rollout, ROLLING) || !endpoint.hasAllVariants) continue;
    const why =
      endpoint.variants.length > 1
        ? `the endpoint has ${endpoint.variants.length} variants`
        : endpoint.kind === 'serverless'
          ? 'the endpoint is serverless'
          : undefined;
    if (why === undefined) continue;
    yield {
      at,
      property: `DeploymentConfig.${ROLLING}`,
      message: `${why}, and a rolling update needs one variant on instances: ${falls}`,
      remedy: 'use BlueGreenUpdatePolicy',
    };
  }
}

function isInf1(name: string): boolean {
  return (findInstanceType(name)?.family ?? name.split('.')[1]) === 'inf1';
}

/** Alarm names that an update watches and no template declares, beside declared alarms of the same endpoint. */
function* alarmOfNothing(model: TemplateModel): Iterable<RuleViolation> {
  const alarms = ['AWS::CloudWatch::Alarm', 'AWS::CloudWatch::CompositeAlarm'].flatMap((type) => model.ofType(type));
  const names = alarms.map((alarm) =>
    alarm.reader.isAbsent(alarm.properties['AlarmName'])
      ? alarm.reader.text({ Ref: alarm.logicalId })
      : alarm.reader.text(alarm.properties['AlarmName']),
  );
  for (const { endpoint, reader, config } of rolloutsOf(model)) {
    const own = model.metrics.filter(
      ({ resource, dimensions }) =>
        alarms.includes(resource) &&
        dimensions.some(({ value }) => value !== undefined && model.endpointNamed(value) === endpoint),
    );
    const watched = reader.objects(valueAt(reader, config, 'AutoRollbackConfiguration.Alarms'));
    for (const [index, alarm] of watched.entries()) {
      const name = reader.text(alarm['AlarmName']);
      const isKnown = names.every((one) => one !== undefined && (!one.includes('<') || /^<\d+ \w+>$/.test(one)));
      if (name === undefined || name.includes('<') || own.length === 0 || !isKnown || names.includes(name)) continue;
      yield {
        at: endpoint.resource,
        property: `DeploymentConfig.AutoRollbackConfiguration.Alarms.${index}.AlarmName`,
        message: `no alarm of these templates is called '${name}', though they watch the endpoint with ${[...new Set(own.map(({ resource }) => resource.logicalId))].join(', ')}: without the alarm a bad update is not rolled back`,
        remedy: 'name the alarm with Ref',
      };
    }
  }
}

/** Rules about updates with guardrails. */
export const GUARDRAIL_RULES: readonly ProofRule[] = [
  {
    id: 'rollout-invalid',
    severity: 'error',
    reason:
      'an endpoint is updated either blue/green or rolling, in steps of at most half the fleet, within its time-out',
    remedy: 'keep BlueGreenUpdatePolicy or RollingUpdatePolicy',
    source:
      'SageMaker API reference: DeploymentConfig, BlueGreenUpdatePolicy, RollingUpdatePolicy, TrafficRoutingConfig',
    check: invalid,
  },
  {
    id: 'rollout-not-supported',
    severity: 'warning',
    reason: 'some endpoints ignore the guardrails of their updates',
    remedy: 'remove DeploymentConfig, or use other instances',
    source: 'SageMaker developer guide: deployment guardrails, exclusions',
    check: unsupported,
  },
  {
    id: 'rollback-alarm-of-nothing',
    severity: 'warning',
    reason: 'an update rolls back only by alarms that exist',
    remedy: 'name a declared alarm',
    source: 'SageMaker API reference: AutoRollbackConfig; developer guide: auto-rollback configuration and monitoring',
    check: alarmOfNothing,
  },
];
