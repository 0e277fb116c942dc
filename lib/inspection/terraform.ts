import { InputError } from '../core/errors';
import { finite, isObject, type Json } from '../core/parse';
import {
  activitiesCall,
  alarmsCall,
  componentsCall,
  configCall,
  configTagsCall,
  endpointCall,
  policiesCall,
  scheduledActionsCall,
  targetsCall,
  type CallSubject,
} from './calls';
import { checkedName, type ReadPart } from './facts';
import { objectOf, objectsOf, textOf } from './reading';

/** Endpoint of a Terraform plan or state, in the form of AWS's responses. */
export interface TerraformEndpoint {
  readonly endpointName: string;
  readonly parts: ReadonlyMap<string, ReadPart>;
}

interface Resource {
  readonly address: string;
  readonly type: string;
  readonly values: Json;
}

/**
 * Reads an endpoint from the output of `terraform show -json`.
 *
 * Source: https://developer.hashicorp.com/terraform/internals/json-format, and the resources of the AWS provider
 * (https://registry.terraform.io/providers/hashicorp/aws/latest/docs/resources/sagemaker_endpoint_configuration).
 *
 * @param name file, for messages
 * @param wanted name of the endpoint. @default - the only one
 * @throws InputError when the document has no such endpoint, or several and none is wanted
 */
export function terraformEndpoint(name: string, document: Json, wanted?: string): TerraformEndpoint {
  const resources = resourcesOf(name, document);
  const ofType = (type: string): Resource[] => resources.filter((one) => one.type === type);
  const endpoints = ofType('aws_sagemaker_endpoint');
  const names = endpoints.map(({ values }) => textOf(values['name'])).filter((one) => one !== undefined);
  const known = names.length === 0 ? 'it has none with a known name' : `it has ${names.join(', ')}`;
  const chosen = wanted === undefined ? endpoints : endpoints.filter(({ values }) => values['name'] === wanted);
  const [endpoint] = chosen;
  if (endpoint === undefined) {
    throw new InputError(
      wanted === undefined
        ? `${name} has no aws_sagemaker_endpoint; give the output of terraform show -json for the configuration that has it`
        : `--endpoint is '${wanted}', and ${name} has no such aws_sagemaker_endpoint; ${known}`,
    );
  }
  if (chosen.length > 1)
    throw new InputError(`${name} has ${chosen.length} endpoints; choose one with --endpoint: ${known}`);
  const endpointName = checkedName(endpoint.values['name'], `${name}: ${endpoint.address}.name (known after apply?)`);
  const references = referencesOf(document);
  const config = configOf(ofType('aws_sagemaker_endpoint_configuration'), endpoint, references, name);

  const parts = new Map<string, ReadPart>();
  const put = (file: string, from: string, content: Json): void => {
    parts.set(file, { kind: 'read', document: content, from });
  };
  const configName = textOf(config.values['name']) ?? `${endpointName}-config`;
  put(endpointCall(endpointName).file, endpoint.address, {
    EndpointName: endpointName,
    EndpointConfigName: configName,
    ...optional('EndpointArn', textOf(endpoint.values['arn'])),
    ...deploymentConfig(endpoint.values['deployment_config']),
  });
  const variants = objectsOf(config.values['production_variants']).map(variantOf);
  const shadows = objectsOf(config.values['shadow_production_variants']).map(variantOf);
  put(configCall(configName).file, config.address, {
    EndpointConfigName: configName,
    ...optional('EndpointConfigArn', textOf(config.values['arn'])),
    ProductionVariants: variants,
    ...(shadows.length > 0 && { ShadowProductionVariants: shadows }),
    ...asyncConfig(config.values['async_inference_config']),
  });
  const tags = Object.entries({ ...objectOf(config.values['tags_all']), ...objectOf(config.values['tags']) });
  put(configTagsCall('').file, config.address, { Tags: tags.map(([Key, Value]) => ({ Key, Value })) });
  // The AWS provider has no resource for inference components.
  put(componentsCall(endpointName).file, name, { InferenceComponents: [] });

  for (const variant of variants) {
    const variantName = checkedName(variant['VariantName'], `${config.address}.production_variants.variant_name`);
    const subject: CallSubject = { kind: 'variant', name: variantName, endpointName };
    putScaling(subject, { ofType, references, put, name });
  }
  return { endpointName, parts };
}

interface TerraformScaling {
  readonly ofType: (type: string) => Resource[];
  readonly references: References;
  readonly put: (file: string, from: string, content: Json) => void;
  readonly name: string;
}

function putScaling(subject: CallSubject, { ofType, references, put, name }: TerraformScaling): void {
  const { ResourceIds: ids } = targetsCall(subject).input;
  const [resourceId] = ids as readonly string[];
  const targets = ofType('aws_appautoscaling_target').filter(({ values }) => values['resource_id'] === resourceId);
  const addresses = new Set(targets.map(({ address }) => address));
  // A resource id that is known only after apply still refers to its target.
  const belongs = ({ address, values }: Resource): boolean =>
    values['resource_id'] === resourceId ||
    (values['resource_id'] === undefined && references.of(address).some((one) => addresses.has(one)));
  const from = (list: readonly Resource[]): string => list.map(({ address }) => address).join(', ') || name;
  put(targetsCall(subject).file, from(targets), {
    ScalableTargets: targets.map(({ values }) => ({
      ServiceNamespace: values['service_namespace'],
      ResourceId: resourceId,
      ScalableDimension: values['scalable_dimension'],
      MinCapacity: values['min_capacity'],
      MaxCapacity: values['max_capacity'],
      ...suspendedState(values['suspended_state']),
    })),
  });
  const policies = ofType('aws_appautoscaling_policy').filter(belongs);
  const alarms = ofType('aws_cloudwatch_metric_alarm').filter(({ address, values }) =>
    policies.some((policy) => runs(address, values, policy, references)),
  );
  put(policiesCall(subject).file, from(policies), {
    ScalingPolicies: policies.map((policy) => ({
      PolicyName: policy.values['name'],
      PolicyARN: policyArn(policy),
      PolicyType: policy.values['policy_type'] ?? 'StepScaling',
      ResourceId: resourceId,
      ScalableDimension: policy.values['scalable_dimension'],
      ...tracking(policy.values['target_tracking_scaling_policy_configuration']),
      ...stepScaling(policy.values['step_scaling_policy_configuration']),
      Alarms: alarms
        .filter(({ address, values }) => runs(address, values, policy, references))
        .map(({ address, values }) => ({ AlarmName: values['alarm_name'] ?? address })),
    })),
  });
  put(alarmsCall(subject).file, from(alarms), {
    MetricAlarms: alarms.map(({ address, values }) =>
      alarmOf(
        values,
        address,
        policies.filter((policy) => runs(address, values, policy, references)),
      ),
    ),
  });
  const schedules = ofType('aws_appautoscaling_scheduled_action').filter(belongs);
  put(scheduledActionsCall(subject).file, from(schedules), {
    ScheduledActions: schedules.map(({ values }) => {
      const [limits = {}] = objectsOf(values['scalable_target_action']);
      return {
        ScheduledActionName: values['name'],
        Schedule: values['schedule'],
        ...optional('Timezone', textOf(values['timezone'])),
        ...optional('StartTime', textOf(values['start_time'])),
        ...optional('EndTime', textOf(values['end_time'])),
        ScalableTargetAction: {
          ...optional('MinCapacity', finite(limits['min_capacity'])),
          ...optional('MaxCapacity', finite(limits['max_capacity'])),
        },
      };
    }),
  });
  put(activitiesCall(subject).file, name, { ScalingActivities: [] });
}

/** ARN of a policy; its address where the ARN is known only after apply. */
const policyArn = ({ address, values }: Resource): string => textOf(values['arn']) ?? address;

function runs(address: string, alarm: Json, policy: Resource, references: References): boolean {
  const actions: unknown = alarm['alarm_actions'];
  if (Array.isArray(actions)) return actions.includes(policyArn(policy));
  return references.of(address).includes(policy.address);
}

/** All resources of the planned or present values, those of modules included. */
function resourcesOf(name: string, document: Json): Resource[] {
  const values = isObject(document['planned_values']) ? document['planned_values'] : document['values'];
  if (!isObject(values) || !isObject(values['root_module'])) {
    throw new InputError(
      `${name} has neither planned_values nor values; give the output of terraform show -json, of a plan file or of the state`,
    );
  }
  const visit = (module: Json): Resource[] => [
    ...objectsOf(module['resources']).map((one) => ({
      address: textOf(one['address']) ?? '',
      type: one['mode'] === 'data' ? '' : (textOf(one['type']) ?? ''),
      values: withoutNulls(one['values']),
    })),
    ...objectsOf(module['child_modules']).flatMap(visit),
  ];
  return visit(values['root_module']);
}

/** Values without those that are null or, as numbers of Terraform may be, empty text. */
function withoutNulls(value: unknown): Json {
  const clean = (one: unknown): unknown => {
    if (Array.isArray(one)) return one.map(clean);
    if (!isObject(one)) return one;
    return Object.fromEntries(
      Object.entries(one)
        .filter(([, member]) => member !== null && member !== '')
        .map(([key, member]) => [key, clean(member)]),
    );
  };
  return objectOf(clean(value));
}

/** Addresses that the expressions of a resource refer to. */
interface References {
  of(address: string): readonly string[];
}

/** References in the configuration of a plan. A state has none, and knows all values. */
function referencesOf(document: Json): References {
  const byAddress = new Map<string, string[]>();
  const visit = (module: Json, prefix: string): void => {
    for (const resource of objectsOf(module['resources'])) {
      const found = new Set<string>();
      collect(resource['expressions'], found);
      byAddress.set(
        prefix + (textOf(resource['address']) ?? ''),
        [...found].map((one) => prefix + one.split('.').slice(0, 2).join('.')),
      );
    }
    for (const [call, value] of Object.entries(objectOf(module['module_calls']))) {
      visit(objectOf(objectOf(value)['module']), `${prefix}module.${call}.`);
    }
  };
  visit(objectOf(objectOf(document['configuration'])['root_module']), '');
  const plain = (address: string): string => address.replace(/\[[^\]]*\]/g, '');
  return { of: (address) => byAddress.get(plain(address)) ?? [] };
}

function collect(value: unknown, into: Set<string>): void {
  if (Array.isArray(value)) for (const one of value as unknown[]) collect(one, into);
  if (!isObject(value)) return;
  for (const [key, member] of Object.entries(value)) {
    if (key === 'references' && Array.isArray(member)) {
      for (const one of member as unknown[]) if (typeof one === 'string') into.add(one);
    } else collect(member, into);
  }
}

function configOf(configs: readonly Resource[], endpoint: Resource, references: References, name: string): Resource {
  const wanted = textOf(endpoint.values['endpoint_config_name']);
  const referred = references.of(endpoint.address);
  const found =
    configs.find(({ values }) => wanted !== undefined && values['name'] === wanted) ??
    configs.find(({ address }) => referred.includes(address));
  if (found !== undefined) return found;
  throw new InputError(
    `${name} has no aws_sagemaker_endpoint_configuration for ${endpoint.address}${wanted === undefined ? '' : ` (${wanted})`}; give the configuration that has both`,
  );
}

function variantOf(variant: Json): Json {
  const [serverless] = objectsOf(variant['serverless_config']);
  const [routing] = objectsOf(variant['routing_config']);
  const [managed] = objectsOf(variant['managed_instance_scaling']);
  const isServerless = serverless !== undefined;
  return {
    VariantName: variant['variant_name'],
    ...optional('ModelName', textOf(variant['model_name'])),
    ...(isServerless ? {} : optional('InstanceType', textOf(variant['instance_type']))),
    ...(isServerless ? {} : optional('InitialInstanceCount', finite(variant['initial_instance_count']))),
    ...optional('InitialVariantWeight', finite(variant['initial_variant_weight'])),
    ...optional(
      'ContainerStartupHealthCheckTimeoutInSeconds',
      positive(variant['container_startup_health_check_timeout_in_seconds']),
    ),
    ...optional('ModelDataDownloadTimeoutInSeconds', positive(variant['model_data_download_timeout_in_seconds'])),
    ...optional('VolumeSizeInGB', positive(variant['volume_size_in_gb'])),
    ...optional('InferenceAmiVersion', textOf(variant['inference_ami_version'])),
    ...(isServerless && {
      ServerlessConfig: {
        MemorySizeInMB: serverless['memory_size_in_mb'],
        MaxConcurrency: serverless['max_concurrency'],
        ...optional('ProvisionedConcurrency', positive(serverless['provisioned_concurrency'])),
      },
    }),
    ...(routing !== undefined && { RoutingConfig: { RoutingStrategy: routing['routing_strategy'] } }),
    ...(managed !== undefined && {
      ManagedInstanceScaling: {
        ...optional('Status', textOf(managed['status'])),
        ...optional('MinInstanceCount', finite(managed['min_instance_count'])),
        ...optional('MaxInstanceCount', finite(managed['max_instance_count'])),
      },
    }),
  };
}

const positive = (value: unknown): number | undefined => {
  const number = finite(value);
  return number !== undefined && number > 0 ? number : undefined;
};

function asyncConfig(value: unknown): Json {
  const [config] = objectsOf(value);
  if (config === undefined) return {};
  const [client] = objectsOf(config['client_config']);
  const [output = {}] = objectsOf(config['output_config']);
  const concurrency = positive(client?.['max_concurrent_invocations_per_instance']);
  return {
    AsyncInferenceConfig: {
      ...(concurrency !== undefined && { ClientConfig: { MaxConcurrentInvocationsPerInstance: concurrency } }),
      OutputConfig: { ...optional('S3OutputPath', textOf(output['s3_output_path'])) },
    },
  };
}

function deploymentConfig(value: unknown): Json {
  const [config] = objectsOf(value);
  const [rolling] = objectsOf(config?.['rolling_update_policy']);
  const [batch] = objectsOf(rolling?.['maximum_batch_size']);
  if (rolling === undefined || batch === undefined) return {};
  return {
    LastDeploymentConfig: {
      RollingUpdatePolicy: {
        MaximumBatchSize: { Type: batch['type'], Value: batch['value'] },
        WaitIntervalInSeconds: rolling['wait_interval_in_seconds'],
      },
    },
  };
}

function suspendedState(value: unknown): Json {
  const [state] = objectsOf(value);
  if (state === undefined) return {};
  return {
    SuspendedState: {
      DynamicScalingInSuspended: state['dynamic_scaling_in_suspended'] === true,
      DynamicScalingOutSuspended: state['dynamic_scaling_out_suspended'] === true,
      ScheduledScalingSuspended: state['scheduled_scaling_suspended'] === true,
    },
  };
}

function tracking(value: unknown): Json {
  const [config] = objectsOf(value);
  if (config === undefined) return {};
  const [predefined] = objectsOf(config['predefined_metric_specification']);
  const [custom] = objectsOf(config['customized_metric_specification']);
  return {
    TargetTrackingScalingPolicyConfiguration: {
      TargetValue: config['target_value'],
      ...optional('ScaleInCooldown', finite(config['scale_in_cooldown'])),
      ...optional('ScaleOutCooldown', finite(config['scale_out_cooldown'])),
      ...(config['disable_scale_in'] === true && { DisableScaleIn: true }),
      ...(predefined !== undefined && {
        PredefinedMetricSpecification: {
          PredefinedMetricType: predefined['predefined_metric_type'],
          ...optional('ResourceLabel', textOf(predefined['resource_label'])),
        },
      }),
      ...(custom !== undefined && { CustomizedMetricSpecification: customMetric(custom) }),
    },
  };
}

function customMetric(custom: Json): Json {
  const queries = objectsOf(custom['metrics']);
  if (queries.length > 0) return { Metrics: queries.map(metricQuery) };
  return { ...namedMetric(custom), Statistic: custom['statistic'], ...optional('Unit', textOf(custom['unit'])) };
}

function metricQuery(query: Json): Json {
  const [stat] = objectsOf(query['metric_stat']);
  const [metric] = objectsOf(stat?.['metric']);
  return {
    Id: query['id'],
    ...optional('Expression', textOf(query['expression'])),
    ...optional('Label', textOf(query['label'])),
    ...(stat !== undefined &&
      metric !== undefined && {
        MetricStat: {
          Metric: namedMetric(metric),
          Stat: stat['stat'],
          ...optional('Unit', textOf(stat['unit'])),
        },
      }),
    ReturnData: query['return_data'] ?? true,
  };
}

function namedMetric(metric: Json): Json {
  return {
    Namespace: metric['namespace'],
    MetricName: metric['metric_name'],
    Dimensions: objectsOf(metric['dimensions']).map(({ name, value }) => ({ Name: name, Value: value })),
  };
}

function stepScaling(value: unknown): Json {
  const [config] = objectsOf(value);
  if (config === undefined) return {};
  return {
    StepScalingPolicyConfiguration: {
      AdjustmentType: config['adjustment_type'],
      ...optional('Cooldown', finite(config['cooldown'])),
      ...optional('MetricAggregationType', textOf(config['metric_aggregation_type'])),
      ...optional('MinAdjustmentMagnitude', positive(config['min_adjustment_magnitude'])),
      StepAdjustments: objectsOf(config['step_adjustment']).map((step) => ({
        // Terraform has bounds as text.
        ...optional('MetricIntervalLowerBound', finite(step['metric_interval_lower_bound'])),
        ...optional('MetricIntervalUpperBound', finite(step['metric_interval_upper_bound'])),
        ScalingAdjustment: step['scaling_adjustment'],
      })),
    },
  };
}

function alarmOf(alarm: Json, address: string, policies: readonly Resource[]): Json {
  const queries = objectsOf(alarm['metric_query']);
  return {
    AlarmName: alarm['alarm_name'] ?? address,
    AlarmActions: policies.map(policyArn),
    ...(alarm['actions_enabled'] === false && { ActionsEnabled: false }),
    ...(queries.length > 0
      ? { Metrics: queries.map(alarmQuery) }
      : {
          Namespace: alarm['namespace'],
          MetricName: alarm['metric_name'],
          Dimensions: Object.entries(objectOf(alarm['dimensions'])).map(([Name, Value]) => ({ Name, Value })),
          ...optional('Statistic', textOf(alarm['statistic'])),
          ...optional('ExtendedStatistic', textOf(alarm['extended_statistic'])),
          ...optional('Period', finite(alarm['period'])),
        }),
    EvaluationPeriods: alarm['evaluation_periods'],
    ...optional('DatapointsToAlarm', positive(alarm['datapoints_to_alarm'])),
    ...optional('Threshold', finite(alarm['threshold'])),
    ComparisonOperator: alarm['comparison_operator'],
    ...optional('TreatMissingData', textOf(alarm['treat_missing_data'])),
  };
}

function alarmQuery(query: Json): Json {
  const [metric] = objectsOf(query['metric']);
  return {
    Id: query['id'],
    ...optional('Expression', textOf(query['expression'])),
    ...(metric !== undefined && {
      MetricStat: {
        Metric: {
          Namespace: metric['namespace'],
          MetricName: metric['metric_name'],
          Dimensions: Object.entries(objectOf(metric['dimensions'])).map(([Name, Value]) => ({ Name, Value })),
        },
        Period: metric['period'],
        Stat: metric['stat'],
      },
    }),
    ReturnData: query['return_data'] === true,
  };
}

/** A member that is left out where its value is undefined. */
function optional(name: string, value: unknown): Json {
  return value === undefined ? {} : { [name]: value };
}
