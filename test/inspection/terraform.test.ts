import { endpointFacts } from '../../lib/inspection/facts';
import { inspectedTemplate } from '../../lib/inspection/template';
import { terraformEndpoint } from '../../lib/inspection/terraform';
import type { Json } from '../../lib/core/parse';
import { prove } from '../../lib/proof/prove';
import { fleetsOfTemplates } from '../../lib/simulation/blueprint';

const RESOURCE = 'endpoint/chat/variant/AllTraffic';

const resource = (address: string, values: Json): Json => ({
  address,
  mode: 'managed',
  type: address.split('.').at(-2),
  name: address.split('.').at(-1),
  values,
});

/** Resources in the form of `terraform show -json`: null where nothing is set, blocks as lists. */
const RESOURCES = [
  resource('aws_sagemaker_model.chat', {
    name: 'chat',
    primary_container: [{ image: 'x', environment: { HF_TOKEN: 'hunter2' } }],
  }),
  resource('aws_sagemaker_endpoint_configuration.chat', {
    name: 'chat-config',
    arn: 'arn:aws:sagemaker:eu-west-3:111122223333:endpoint-config/chat-config',
    production_variants: [
      {
        variant_name: 'AllTraffic',
        model_name: 'chat',
        instance_type: 'ml.g5.xlarge',
        initial_instance_count: 2,
        initial_variant_weight: 1,
        accelerator_type: '',
        volume_size_in_gb: null,
        container_startup_health_check_timeout_in_seconds: 900,
        core_dump_config: [],
        managed_instance_scaling: [],
        routing_config: [{ routing_strategy: 'LEAST_OUTSTANDING_REQUESTS' }],
        serverless_config: [],
      },
    ],
    async_inference_config: [],
    tags: { 'tidegate:max-concurrency-per-instance': '6' },
    tags_all: { 'tidegate:max-concurrency-per-instance': '6', owner: 'hunter2' },
  }),
];

const SCALING = [
  resource('aws_sagemaker_endpoint.chat', { name: 'chat', endpoint_config_name: 'chat-config', arn: null }),
  resource('aws_appautoscaling_target.chat', {
    service_namespace: 'sagemaker',
    resource_id: RESOURCE,
    scalable_dimension: 'sagemaker:variant:DesiredInstanceCount',
    min_capacity: 1,
    max_capacity: 8,
    suspended_state: [
      {
        dynamic_scaling_in_suspended: false,
        dynamic_scaling_out_suspended: false,
        scheduled_scaling_suspended: true,
      },
    ],
  }),
  resource('aws_appautoscaling_policy.concurrency', {
    name: 'concurrency',
    policy_type: 'TargetTrackingScaling',
    resource_id: RESOURCE,
    scalable_dimension: 'sagemaker:variant:DesiredInstanceCount',
    service_namespace: 'sagemaker',
    step_scaling_policy_configuration: [],
    target_tracking_scaling_policy_configuration: [
      {
        target_value: 4,
        disable_scale_in: false,
        scale_in_cooldown: 600,
        scale_out_cooldown: 60,
        customized_metric_specification: [],
        predefined_metric_specification: [
          {
            predefined_metric_type: 'SageMakerVariantConcurrentRequestsPerModelHighResolution',
            resource_label: '',
          },
        ],
      },
    ],
  }),
  resource('aws_appautoscaling_policy.step', {
    name: 'step',
    policy_type: 'StepScaling',
    resource_id: RESOURCE,
    scalable_dimension: 'sagemaker:variant:DesiredInstanceCount',
    service_namespace: 'sagemaker',
    target_tracking_scaling_policy_configuration: [],
    step_scaling_policy_configuration: [
      {
        adjustment_type: 'ChangeInCapacity',
        cooldown: 600,
        metric_aggregation_type: '',
        min_adjustment_magnitude: null,
        step_adjustment: [
          { metric_interval_lower_bound: '0', metric_interval_upper_bound: '5', scaling_adjustment: 1 },
          { metric_interval_lower_bound: '5', metric_interval_upper_bound: '', scaling_adjustment: 3 },
        ],
      },
    ],
  }),
  resource('aws_appautoscaling_scheduled_action.night', {
    name: 'night',
    schedule: 'cron(0 22 * * ? *)',
    timezone: 'Europe/Paris',
    resource_id: RESOURCE,
    start_time: null,
    end_time: null,
    scalable_target_action: [{ min_capacity: '1', max_capacity: '2' }],
  }),
  // Its actions are known only after apply: the plan's configuration has the reference.
  resource('aws_cloudwatch_metric_alarm.busy', {
    alarm_name: 'chat-busy',
    namespace: 'AWS/SageMaker',
    metric_name: 'ConcurrentRequestsPerModel',
    dimensions: { EndpointName: 'chat', VariantName: 'AllTraffic' },
    statistic: 'Maximum',
    period: 60,
    evaluation_periods: 1,
    datapoints_to_alarm: null,
    threshold: 5,
    comparison_operator: 'GreaterThanThreshold',
    treat_missing_data: 'notBreaching',
    metric_query: [],
  }),
];

const PLAN: Json = {
  format_version: '1.2',
  planned_values: {
    root_module: {
      resources: [],
      child_modules: [{ address: 'module.chat', resources: inModule([...RESOURCES, ...SCALING]) }],
    },
  },
  configuration: {
    root_module: {
      module_calls: {
        chat: {
          module: {
            resources: [
              {
                address: 'aws_cloudwatch_metric_alarm.busy',
                expressions: {
                  alarm_actions: {
                    references: ['aws_appautoscaling_policy.step.arn', 'aws_appautoscaling_policy.step'],
                  },
                },
              },
            ],
          },
        },
      },
    },
  },
};

function inModule(resources: readonly Json[]): Json[] {
  return resources.map((one) => ({ ...one, address: `module.chat.${String(one['address'])}` }));
}

function templateOf(document: Json): Json {
  const { endpointName, parts } = terraformEndpoint('show.json', document);
  const facts = endpointFacts(parts, endpointName, { window: { start: 0, end: 60, periodSeconds: 60 } });
  return inspectedTemplate(facts, new Map());
}

describe('a plan of Terraform', () => {
  test('becomes a template that a rehearsal reads, resources of modules included', () => {
    const { fleets, skipped } = fleetsOfTemplates([{ name: 'template.json', document: templateOf(PLAN) }]);
    expect(skipped).toEqual([]);
    expect(fleets).toHaveLength(1);
    expect(fleets[0]).toMatchObject({
      resourceId: RESOURCE,
      pools: [{ instanceType: 'ml.g5.xlarge' }],
      slotsPerInstance: 6,
      slotsFrom: 'tag',
      routing: 'LEAST_OUTSTANDING_REQUESTS',
      initialCapacity: 2,
      plan: {
        minCapacity: 1,
        maxCapacity: 8,
        policies: [
          { kind: 'target-tracking', targetValue: 4, scaleInCooldownSeconds: 600 },
          {
            kind: 'step',
            steps: [
              { lowerBound: 0, upperBound: 5, adjustment: 1 },
              { lowerBound: 5, adjustment: 3 },
            ],
          },
        ],
        schedules: [{ schedule: 'cron(0 22 * * ? *)', timezone: 'Europe/Paris', minCapacity: 1, maxCapacity: 2 }],
        suspended: { scheduledScalingSuspended: true },
      },
      stepAlarms: [{ policyName: 'step', alarm: { alarmName: 'chat-busy', threshold: 5 } }],
    });
  });

  test('has no error that comes from the conversion alone, and no secret', () => {
    const document = templateOf(PLAN);
    expect(prove([{ name: 'template.json', document }]).filter(({ severity }) => severity === 'error')).toEqual([]);
    expect(JSON.stringify(document)).not.toContain('hunter2');
  });
});

describe('a state of Terraform', () => {
  test('has the ARNs by which alarms name policies', () => {
    const arn = 'arn:aws:autoscaling:eu-west-3:111122223333:scalingPolicy:1:resource/sagemaker/x:policyName/step';
    const resources = [...RESOURCES, ...SCALING].map((one) => {
      const values = one['values'] as Json;
      if (one['address'] === 'aws_appautoscaling_policy.step') return { ...one, values: { ...values, arn } };
      const isAlarm = one['type'] === 'aws_cloudwatch_metric_alarm';
      return isAlarm ? { ...one, values: { ...values, alarm_actions: [arn] } } : one;
    });
    const state = { format_version: '1.0', values: { root_module: { resources } } };
    const { fleets } = fleetsOfTemplates([{ name: 'template.json', document: templateOf(state) }]);
    expect(fleets[0]!.stepAlarms).toHaveLength(1);
    expect(terraformEndpoint('show.json', state, 'chat').endpointName).toBe('chat');
  });
});

describe('a document of Terraform is refused', () => {
  const two = (names: readonly unknown[]): Json => ({
    values: {
      root_module: {
        resources: names.map((name, index) => resource(`aws_sagemaker_endpoint.e${index}`, { name })),
      },
    },
  });

  test.each<[string, Json, string | undefined, RegExp]>([
    ['that is the plan file of another tool', { stages: [] }, undefined, /neither planned_values nor values/],
    ['without an endpoint', two([]), undefined, /show.json has no aws_sagemaker_endpoint/],
    ['with several endpoints', two(['a', 'b']), undefined, /2 endpoints; choose one with --endpoint: it has a, b/],
    ['without the named endpoint', two(['a']), 'z', /--endpoint is 'z', and show.json has no such/],
    ['whose endpoint has its name after apply', two([null]), undefined, /e0.name \(known after apply\?\) is missing/],
    ['without the configuration', two(['a']), undefined, /has no aws_sagemaker_endpoint_configuration for/],
  ])('%s', (_name, document, wanted, message) => {
    expect(() => terraformEndpoint('show.json', document, wanted)).toThrow(message);
  });
});
