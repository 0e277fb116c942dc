import { SAGEMAKER_SERVICE_NAMESPACE } from '../catalog/scalable-resource';
import { finite, isObject, type Json } from '../core/parse';
import { MAX_CONCURRENCY_TAG, variantConcurrencyTag } from '../inference/contract';
import type { EndpointFacts, FleetFacts } from './facts';
import { membersOf, timeOf, objectOf, objectsOf, textOf } from './reading';
import type { Slots } from './service-fit';

const ENDPOINT = 'Endpoint';
const CONFIG = 'EndpointConfig';

/** Members of a variant that decide how it serves and scales; the same in the API and in CloudFormation. */
const VARIANT_MEMBERS = [
  'VariantName',
  'ModelName',
  'InstanceType',
  'InstancePools',
  'InitialInstanceCount',
  'InitialVariantWeight',
  'ServerlessConfig',
  'ManagedInstanceScaling',
  'RoutingConfig',
  'ContainerStartupHealthCheckTimeoutInSeconds',
  'ModelDataDownloadTimeoutInSeconds',
  'VariantInstanceProvisionTimeoutInSeconds',
  'InferenceAmiVersion',
  'VolumeSizeInGB',
  'CapacityReservationConfig',
];

const POLICY_MEMBERS = [
  'PolicyName',
  'PolicyType',
  'TargetTrackingScalingPolicyConfiguration',
  'StepScalingPolicyConfiguration',
];

const ALARM_MEMBERS = [
  'AlarmName',
  'ActionsEnabled',
  'Namespace',
  'MetricName',
  'Dimensions',
  'Statistic',
  'ExtendedStatistic',
  'Period',
  'Unit',
  'EvaluationPeriods',
  'DatapointsToAlarm',
  'Threshold',
  'ComparisonOperator',
  'TreatMissingData',
  'EvaluateLowSampleCountPercentile',
  'Metrics',
];

const ALARM_ACTIONS = ['AlarmActions', 'OKActions', 'InsufficientDataActions'];

/**
 * CloudFormation template of an endpoint as it is now. Values that do not bear on serving and scaling stay out of it, above all
 * environment variables, which may hold secrets.
 *
 * @param slots concurrency of an instance that was measured, for fleets without one of their own, by resource id
 */
export function inspectedTemplate(facts: EndpointFacts, slots: ReadonlyMap<string, Slots>): Json {
  const resources: { [logicalId: string]: Json } = {};
  const add = (logicalId: string, resource: Json): string => {
    let id = logicalId;
    for (let number = 2; resources[id] !== undefined; number++) id = `${logicalId}${number}`;
    resources[id] = resource;
    return id;
  };
  add(ENDPOINT, {
    Type: 'AWS::SageMaker::Endpoint',
    Properties: {
      EndpointName: facts.endpointName,
      EndpointConfigName: { 'Fn::GetAtt': [CONFIG, 'EndpointConfigName'] },
      // Member of the requests of updates, which no response has; the counts of an endpoint are those that scaling set.
      RetainAllVariantProperties: true,
      ...(isObject(facts.endpoint['LastDeploymentConfig']) && {
        DeploymentConfig: membersOf(facts.endpoint, ['LastDeploymentConfig'])['LastDeploymentConfig'],
      }),
    },
  });
  add(CONFIG, { Type: 'AWS::SageMaker::EndpointConfig', Properties: configProperties(facts, slots) });
  for (const { description, tags } of facts.components) {
    const name = textOf(description['InferenceComponentName']) ?? '';
    const specification = objectOf(description['Specification']);
    const copies = finite(objectOf(description['RuntimeConfig'])['DesiredCopyCount']);
    const fleet = facts.fleets.find(({ subject }) => subject.kind === 'component' && subject.name === name);
    const kept = [...concurrencyTags(tags), ...measuredTag(slots.get(fleet?.resourceId ?? ''), MAX_CONCURRENCY_TAG)];
    add(logicalId('Component', name), {
      Type: 'AWS::SageMaker::InferenceComponent',
      DependsOn: [ENDPOINT],
      Properties: {
        InferenceComponentName: name,
        EndpointName: facts.endpointName,
        ...membersOf(description, ['VariantName']),
        Specification: membersOf(specification, [
          'ModelName',
          'BaseInferenceComponentName',
          'ComputeResourceRequirements',
          'SchedulingConfig',
        ]),
        ...(copies !== undefined && { RuntimeConfig: { CopyCount: copies } }),
        ...(kept.length > 0 && { Tags: kept }),
      },
    });
  }
  for (const fleet of facts.fleets) addScaling(fleet, facts, add);
  return { Description: `Endpoint ${facts.endpointName}, as tidegate inspect found it.`, Resources: resources };
}

function configProperties(facts: EndpointFacts, slots: ReadonlyMap<string, Slots>): Json {
  const { config, configTags, variants, endpoint, fleets } = facts;
  const present = objectsOf(endpoint['ProductionVariants']);
  const productionVariants = variants.map((variant) => {
    const now = present.find(({ VariantName }) => VariantName === variant['VariantName']);
    const instances = finite(now?.['DesiredInstanceCount']);
    const weight = finite(now?.['DesiredWeight']);
    return {
      ...membersOf(variant, VARIANT_MEMBERS),
      // A variant of CloudFormation begins with at least one instance; fewer are left to its scaling.
      ...(instances !== undefined && instances >= 1 && { InitialInstanceCount: instances }),
      ...(weight !== undefined && { InitialVariantWeight: weight }),
    };
  });
  const asyncConfig = config['AsyncInferenceConfig'];
  const shadows = objectsOf(config['ShadowProductionVariants']);
  const measured = fleets
    .filter(({ subject }) => subject.kind === 'variant')
    .flatMap(({ resourceId, subject }) => measuredTag(slots.get(resourceId), variantConcurrencyTag(subject.name)));
  const tags = [...concurrencyTags(configTags), ...measured];
  return {
    ProductionVariants: productionVariants,
    ...(shadows.length > 0 && {
      ShadowProductionVariants: shadows.map((shadow) => membersOf(shadow, VARIANT_MEMBERS)),
    }),
    ...(isObject(asyncConfig) && {
      AsyncInferenceConfig: {
        ...membersOf(asyncConfig, ['ClientConfig']),
        OutputConfig: membersOf(asyncConfig['OutputConfig'], ['S3OutputPath', 'S3FailurePath']),
      },
    }),
    ...membersOf(config, ['MetricsConfig']),
    ...(tags.length > 0 && { Tags: tags }),
  };
}

/** Tags that state the concurrency of an instance; all others stay out. */
function concurrencyTags(tags: readonly Json[]): Json[] {
  return tags
    .filter(({ Key }) => textOf(Key)?.startsWith(MAX_CONCURRENCY_TAG) === true)
    .map((tag) => membersOf(tag, ['Key', 'Value']));
}

function measuredTag(slots: Slots | undefined, key: string): Json[] {
  return slots === undefined ? [] : [{ Key: key, Value: String(slots.value) }];
}

function addScaling(
  { subject, scalableDimension, targets = [], policies = [], scheduledActions = [], alarms = [] }: FleetFacts,
  facts: EndpointFacts,
  add: (logicalId: string, resource: Json) => string,
): void {
  const [target] = targets.filter(({ ScalableDimension }) => ScalableDimension === scalableDimension);
  if (target === undefined) return;
  const prefix = facts.fleets.length === 1 ? '' : subject.name;
  const actions = scheduledActions.map(scheduledAction);
  const state = objectOf(target['SuspendedState']);
  const targetId = add(logicalId('Target', prefix), {
    Type: 'AWS::ApplicationAutoScaling::ScalableTarget',
    DependsOn: [ENDPOINT],
    Properties: {
      ServiceNamespace: SAGEMAKER_SERVICE_NAMESPACE,
      ...membersOf(target, ['ResourceId', 'ScalableDimension', 'MinCapacity', 'MaxCapacity']),
      ...(Object.values(state).includes(true) && { SuspendedState: state }),
      ...(actions.length > 0 && { ScheduledActions: actions }),
    },
  });
  const policyIds = new Map<string, string>();
  for (const policy of policies) {
    const id = add(logicalId(`Policy${prefix}`, textOf(policy['PolicyName']) ?? ''), {
      Type: 'AWS::ApplicationAutoScaling::ScalingPolicy',
      Properties: { ScalingTargetId: { Ref: targetId }, ...membersOf(policy, POLICY_MEMBERS) },
    });
    // Application Auto Scaling makes the alarms of target tracking itself.
    const arn = textOf(policy['PolicyARN']);
    if (arn !== undefined && isObject(policy['StepScalingPolicyConfiguration'])) policyIds.set(arn, id);
  }
  for (const alarm of alarms) {
    const links = ALARM_ACTIONS.flatMap((member): [string, Json[]][] => {
      const ids = textsOf(alarm[member]).flatMap((arn) => policyIds.get(arn) ?? []);
      return ids.length === 0 ? [] : [[member, ids.map((id) => ({ Ref: id }))]];
    });
    if (links.length === 0) continue;
    const known = membersOf(alarm, ALARM_MEMBERS);
    const metrics = objectsOf(known['Metrics']);
    const { Metrics: _joinedBelow, Dimensions: dimensions, ...plain } = known;
    add(logicalId(`Alarm${prefix}`, textOf(alarm['AlarmName']) ?? ''), {
      Type: 'AWS::CloudWatch::Alarm',
      Properties: {
        ...plain,
        ...(metrics.length === 0 ? { Dimensions: objectsOf(dimensions) } : { Metrics: metrics }),
        ...Object.fromEntries(links),
      },
    });
  }
}

function textsOf(value: unknown): string[] {
  return Array.isArray(value) ? (value as unknown[]).flatMap((one) => textOf(one) ?? []) : [];
}

function scheduledAction(action: Json): Json {
  const moment = (name: string): Json => {
    const at = timeOf(action[name]);
    return at === undefined ? {} : { [name]: new Date(at * 1000).toISOString() };
  };
  return {
    ...membersOf(action, ['ScheduledActionName', 'Schedule', 'Timezone']),
    ...moment('StartTime'),
    ...moment('EndTime'),
    ScalableTargetAction: membersOf(action['ScalableTargetAction'], ['MinCapacity', 'MaxCapacity']),
  };
}

/** Logical id of letters and digits. */
const logicalId = (prefix: string, name: string): string => `${prefix}${name}`.replace(/[^A-Za-z0-9]/g, '');
