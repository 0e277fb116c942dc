import { InvokeEndpointCommand } from '@aws-sdk/client-sagemaker-runtime';
import { deployEndpoint, describeEndpoint, EmulatedAccount } from '../../support/emulated-account';

let account: EmulatedAccount;
beforeEach(async () => {
  account = await EmulatedAccount.start();
  account.engine.objects.set('artifacts/model.tar.gz', Buffer.from('weights'));
});
afterEach(() => account.stop());

interface Resource {
  physicalId: string;
  attributes: { [name: string]: string };
}

/** Sends the engine's request for a resource; its reply may need local time. */
async function request(action: string, type: string, logicalId: string, rest: object): Promise<Resource> {
  const { status, body } = await account.post('/cloudformation', {
    action,
    type,
    logicalId,
    stackName: 'Tidegate-local',
    ...rest,
  });
  if (status !== 200) throw new Error(`${body['code'] as string}: ${body['message'] as string}`);
  return body as unknown as Resource;
}

/** Moves forward until a resource is provisioned. */
const provision = (...of: Parameters<typeof request>): Promise<Resource> => account.finish(request(...of));

const create = (type: string, logicalId: string, properties: object) =>
  provision('create', type, logicalId, { properties });

/** Numbers and booleans as text, as CloudFormation hands them over. */
const configProperties = (modelName: string, slots: string) => ({
  ProductionVariants: [
    {
      VariantName: 'gpu',
      ModelName: modelName,
      InitialInstanceCount: '1',
      InstancePools: [{ InstanceType: 'ml.g5.xlarge', Priority: '1' }],
      EnableSSMAccess: 'false',
    },
  ],
  Tags: [{ Key: 'tidegate:max-concurrency-per-instance', Value: slots }],
});

async function deployStack() {
  const model = await create('AWS::SageMaker::Model', 'Model8A', {
    ExecutionRoleArn: 'arn:aws:iam::123456789012:role/r',
    PrimaryContainer: { Image: 'triton', ModelDataUrl: 's3://artifacts/model.tar.gz', Environment: { THREADS: 4 } },
  });
  const config = await create(
    'AWS::SageMaker::EndpointConfig',
    'Config9B',
    configProperties(model.attributes['ModelName']!, '4'),
  );
  const endpointProperties = {
    EndpointConfigName: config.attributes['EndpointConfigName'],
    RetainAllVariantProperties: 'true',
    DeploymentConfig: {
      RollingUpdatePolicy: { MaximumBatchSize: { Type: 'INSTANCE_COUNT', Value: '1' }, WaitIntervalInSeconds: '60' },
      AutoRollbackConfiguration: { Alarms: [{ AlarmName: 'errors' }] },
    },
  };
  const endpoint = await create('AWS::SageMaker::Endpoint', 'Endpoint7C', endpointProperties);
  return { model, config, endpoint, endpointProperties };
}

test('a stack’s model, configuration, endpoint, target and policy are created, changed and deleted', async () => {
  const { model, config, endpoint, endpointProperties } = await deployStack();
  const name = endpoint.attributes['EndpointName']!;
  expect(name).toMatch(/^tidegate-local-endpoint7c-[a-z0-9]{12}$/);
  expect(endpoint.physicalId).toBe(`arn:aws:sagemaker:us-east-1:123456789012:endpoint/${name}`);
  expect((await describeEndpoint(account, name)).EndpointStatus).toBe('InService');

  const resourceId = `endpoint/${name}/variant/gpu`;
  const key = {
    ServiceNamespace: 'sagemaker',
    ResourceId: resourceId,
    ScalableDimension: 'sagemaker:variant:DesiredInstanceCount',
  };
  const targetProperties = {
    ...key,
    MinCapacity: '1',
    MaxCapacity: '8',
    ScheduledActions: [
      { ScheduledActionName: 'night', Schedule: 'cron(0 22 * * ? *)', ScalableTargetAction: { MaxCapacity: '2' } },
    ],
  };
  const target = await create('AWS::ApplicationAutoScaling::ScalableTarget', 'Target', targetProperties);
  expect(target.physicalId).toBe(`${resourceId}|sagemaker:variant:DesiredInstanceCount|sagemaker`);
  const policy = await create('AWS::ApplicationAutoScaling::ScalingPolicy', 'Policy', {
    PolicyName: 'concurrency',
    PolicyType: 'TargetTrackingScaling',
    ScalingTargetId: target.physicalId,
    TargetTrackingScalingPolicyConfiguration: {
      TargetValue: '5.6',
      PredefinedMetricSpecification: { PredefinedMetricType: 'SageMakerVariantInvocationsPerInstance' },
    },
  });
  expect(policy.physicalId).toMatch(/^arn:aws:autoscaling:us-east-1:123456789012:scalingPolicy:/);
  expect(account.emulator.snapshot().alarms).toHaveLength(2);

  await provision('update', 'AWS::ApplicationAutoScaling::ScalableTarget', 'Target', {
    physicalId: target.physicalId,
    properties: { ...targetProperties, MinCapacity: '2', ScheduledActions: [] },
    previousProperties: targetProperties,
  });
  expect(account.emulator.snapshot().targets[0]).toMatchObject({ minCapacity: 2, desiredCapacity: 2 });

  const before = configProperties(model.attributes['ModelName']!, '4');
  const replaced = await provision('update', 'AWS::SageMaker::EndpointConfig', 'Config9B', {
    physicalId: config.physicalId,
    properties: configProperties(model.attributes['ModelName']!, '6'),
    previousProperties: before,
  });
  expect(replaced.physicalId).not.toBe(config.physicalId);
  const updated = await provision('update', 'AWS::SageMaker::Endpoint', 'Endpoint7C', {
    physicalId: endpoint.physicalId,
    properties: { ...endpointProperties, EndpointConfigName: replaced.attributes['EndpointConfigName'] },
    previousProperties: endpointProperties,
  });
  expect(updated.physicalId).toBe(endpoint.physicalId);
  const variant = account.emulator.snapshot().endpoints[0]!.variants[0]!;
  expect(variant).toMatchObject({ slotsPerInstance: 6, desiredInstances: 2 });

  const remove = (type: string, logicalId: string, { physicalId }: Resource) =>
    provision('delete', type, logicalId, { physicalId });
  await remove('AWS::SageMaker::EndpointConfig', 'Config9B', config);
  await remove('AWS::ApplicationAutoScaling::ScalingPolicy', 'Policy', policy);
  await remove('AWS::ApplicationAutoScaling::ScalableTarget', 'Target', target);
  await remove('AWS::SageMaker::Endpoint', 'Endpoint7C', endpoint);
  await remove('AWS::SageMaker::Endpoint', 'Endpoint7C', endpoint);
  await remove('AWS::SageMaker::Model', 'Model8A', model);
  expect(account.emulator.snapshot()).toMatchObject({ endpoints: [], targets: [], alarms: [] });
});

test('properties that nothing here knows are refused by name', async () => {
  const attempt = create('AWS::SageMaker::Model', 'M', { PrimaryContainer: { Image: 'i', Imagge: 'x' } });
  await expect(attempt).rejects.toThrow('#/PrimaryContainer: extraneous key [Imagge] is not permitted');
  await expect(
    create('AWS::ApplicationAutoScaling::ScalingPolicy', 'P', {
      PolicyName: 'p',
      PolicyType: 'StepScaling',
      Nonsense: 1,
    }),
  ).rejects.toThrow('extraneous key [Nonsense]');
  await expect(create('AWS::SageMaker::Device', 'D', {})).rejects.toThrow('AWS::SageMaker::Device is not available');
});

test('an endpoint that cannot get instances fails its creation and leaves nothing behind', async () => {
  account.emulator.setCapacity('ml.g5.xlarge', 'insufficient');
  await expect(deployStack()).rejects.toThrow('InsufficientInstanceCapacity');
  expect(account.emulator.snapshot().endpoints).toEqual([]);
});

test('an alarm of the auto-rollback configuration rolls an update back', async () => {
  const { endpoint, endpointProperties, model } = await deployStack();
  account.engine.alarms = [
    {
      AlarmName: 'errors',
      Namespace: 'App',
      MetricName: 'Errors',
      Statistic: 'Sum',
      Period: 10,
      EvaluationPeriods: 1,
      Threshold: 0,
      ComparisonOperator: 'GreaterThanThreshold',
      TreatMissingData: 'notBreaching',
    },
  ];
  await account.post('/hooks/alarms-changed', {});
  const config = await create(
    'AWS::SageMaker::EndpointConfig',
    'Other',
    configProperties(model.attributes['ModelName']!, '2'),
  );
  let refusal: string | undefined;
  request('update', 'AWS::SageMaker::Endpoint', 'Endpoint7C', {
    physicalId: endpoint.physicalId,
    properties: { ...endpointProperties, EndpointConfigName: config.attributes['EndpointConfigName'] },
    previousProperties: endpointProperties,
  }).catch((error: Error) => (refusal = error.message));
  await account.until('the update has failed', async () => {
    const values = { sum: 5, sampleCount: 5, minimum: 1, maximum: 1 };
    await account.post('/hooks/metrics', [
      { namespace: 'App', metricName: 'Errors', dimensions: {}, atSeconds: account.clock.now(), ...values },
    ]);
    return refusal;
  });
  expect(refusal).toContain('the alarm errors of the auto-rollback configuration is in ALARM');
  expect((await describeEndpoint(account, endpoint.attributes['EndpointName'])).EndpointStatus).toBe('InService');
  expect(account.emulator.snapshot().endpoints[0]!.variants[0]).toMatchObject({
    slotsPerInstance: 4,
    inServiceInstances: 1,
  });
});

test.each(['unhealthy', 'errors'])('a version that is broken (%s) never becomes the endpoint', async (fault) => {
  const { endpoint, endpointProperties } = await deployStack();
  const name = endpoint.attributes['EndpointName']!;
  const broken = await create('AWS::SageMaker::Model', 'Broken', {
    ExecutionRoleArn: 'arn:aws:iam::123456789012:role/r',
    PrimaryContainer: { Image: 'triton', Environment: { TIDEGATE_LOCAL_FAULT: fault } },
  });
  const config = await create(
    'AWS::SageMaker::EndpointConfig',
    'Other',
    configProperties(broken.attributes['ModelName']!, '4'),
  );
  account.engine.alarms = [
    {
      AlarmName: 'errors',
      Namespace: 'AWS/SageMaker',
      MetricName: 'Invocation5XXErrors',
      Dimensions: [
        { Name: 'EndpointName', Value: name },
        { Name: 'VariantName', Value: 'gpu' },
        { Name: 'EndpointConfigName', Value: config.attributes['EndpointConfigName'] },
      ],
      Statistic: 'Sum',
      Period: 60,
      EvaluationPeriods: 1,
      Threshold: 1,
      ComparisonOperator: 'GreaterThanOrEqualToThreshold',
      TreatMissingData: 'notBreaching',
    },
  ];
  await account.post('/hooks/alarms-changed', {});
  const statuses = new Set<number>();
  const call = async (): Promise<void> => {
    const Body = JSON.stringify({ id: 'r', key: 'k', context_tokens: 10, generated_tokens: 1, sent_at: 0 });
    const sent = account.runtime.send(new InvokeEndpointCommand({ EndpointName: name, Body }));
    const status = sent.then(
      () => 200,
      (error: { OriginalStatusCode?: number }) => error.OriginalStatusCode ?? -1,
    );
    statuses.add(await account.finish(status));
  };
  const changed = {
    ...endpointProperties,
    EndpointConfigName: config.attributes['EndpointConfigName'],
    DeploymentConfig: {
      ...endpointProperties.DeploymentConfig,
      RollingUpdatePolicy: { MaximumBatchSize: { Type: 'INSTANCE_COUNT', Value: '1' }, WaitIntervalInSeconds: '900' },
    },
  };
  let refusal: string | undefined;
  request('update', 'AWS::SageMaker::Endpoint', 'Endpoint7C', {
    physicalId: endpoint.physicalId,
    properties: changed,
    previousProperties: endpointProperties,
  }).catch((error: Error) => (refusal = error.message));
  await account.until('the update has failed', async () => {
    await call();
    return refusal;
  });
  expect(refusal).toContain(
    fault === 'unhealthy' ? 'did not pass the ping health check' : 'the alarm errors of the auto-rollback',
  );
  expect(account.emulator.snapshot().endpoints[0]).toMatchObject({
    status: 'InService',
    configName: endpointProperties.EndpointConfigName,
  });
  expect(statuses).toEqual(new Set(fault === 'unhealthy' ? [200] : [200, 500]));
  // CloudFormation then asks for what there was, which is there.
  await provision('update', 'AWS::SageMaker::Endpoint', 'Endpoint7C', {
    physicalId: endpoint.physicalId,
    properties: endpointProperties,
    previousProperties: changed,
  });
  expect((await describeEndpoint(account, name)).EndpointStatus).toBe('InService');
});

test('a custom name that would have to be replaced is refused', async () => {
  await deployEndpoint(account);
  const named = { ModelName: 'named', PrimaryContainer: { Image: 'i' } };
  const model = await create('AWS::SageMaker::Model', 'Named', named);
  const update = provision('update', 'AWS::SageMaker::Model', 'Named', {
    physicalId: model.physicalId,
    properties: { ...named, PrimaryContainer: { Image: 'j' } },
    previousProperties: named,
  });
  await expect(update).rejects.toThrow('custom-named resource requires replacing');
});
