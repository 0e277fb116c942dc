import type { PriceOverride } from '../../lib/catalog/prices';
import { accountNeeds } from '../../lib/preflight/account-needs';
import type { AccountFacts, AccountNeeds } from '../../lib/preflight/contract';
import { checkAccount, deploymentActions, type CheckRow } from '../../lib/preflight/decide/check-account';

const known = <Value>(value: Value) => ({ kind: 'known', value }) as const;

const NEEDS: AccountNeeds = {
  fleets: [
    {
      fleet: 'chat/main',
      instanceTypes: ['ml.g5.xlarge', 'ml.g6.xlarge'],
      initial: 1,
      minimum: 1,
      maximum: 8,
      rolloutExtra: 4,
    },
  ],
  training: [
    { stateMachine: 'Training', instanceType: 'ml.g5.xlarge', instances: 1, use: 'spot-training' },
    { stateMachine: 'Training', instanceType: 'ml.g5.xlarge', instances: 1, use: 'training' },
  ],
  images: [
    {
      uri: '763104351884.dkr.ecr.us-east-1.amazonaws.com/vllm:1',
      account: '763104351884',
      region: 'us-east-1',
      repository: 'vllm',
      tag: '1',
    },
  ],
  bootstrap: { parameterName: '/cdk-bootstrap/hnb659fds/version', qualifier: 'hnb659fds', minimumVersion: 6 },
  reservedConcurrency: 0,
  streamConcurrency: 4,
  hasScaling: true,
  resourceTypes: ['AWS::SageMaker::Endpoint'],
  stackNames: ['Chat'],
  unknown: [],
};

const FACTS: AccountFacts = {
  accountId: '123456789012',
  region: 'us-east-1',
  quotas: known(
    new Map([
      ['ml.g5.xlarge for endpoint usage', 8],
      ['ml.g6.xlarge for endpoint usage', 4],
      ['ml.g5.xlarge for spot training job usage', 1],
      ['ml.g5.xlarge for training job usage', 1],
    ]),
  ),
  hosted: known(new Map()),
  training: known(new Map()),
  lambda: known({ concurrentExecutions: 1000, unreserved: 1000 }),
  bootstrapVersion: known(30),
  hasScalingRole: known(true),
  images: new Map([['763104351884.dkr.ecr.us-east-1.amazonaws.com/vllm:1', known(true)]]),
  permissions: [{ role: 'deployer', denied: known([]) }],
};

const check = (facts: Partial<AccountFacts> = {}, needs: Partial<AccountNeeds> = {}): CheckRow[] =>
  checkAccount({ ...NEEDS, ...needs }, { ...FACTS, ...facts }, { region: 'us-east-1' });
const row = (rows: readonly CheckRow[], title: string): CheckRow => rows.find((one) => one.check.includes(title))!;
const quotas = (of: { readonly [name: string]: number }) => ({ quotas: known(new Map(Object.entries(of))) });

describe('the check of an account', () => {
  test('passes where everything is there, and states the cost', () => {
    const rows = check();
    expect(rows.map(({ status }) => status)).toEqual(Array(rows.length).fill('ok'));
    // 1 x 1.408 USD x 730 h, and 8 x 1.408 USD, the dearer of the two types.
    expect(row(rows, 'cost').found).toBe('1028 USD a month at the minimum, 11.26 USD an hour at the maximum');
  });

  test.each([
    [{ g5: 0, g6: 0 }, 'fails', 'the deployment fails'],
    [{ g5: 0, g6: 1 }, 'fails', 'scaling stops at 1'],
    [{ g5: 4, g6: 3 }, 'fails', 'scaling stops at 7'],
    // 8 run, and an update needs 4 more.
    [{ g5: 8, g6: 3 }, 'warning', 'needs 4 more and would be rolled back'],
    [{ g5: 12, g6: 0 }, 'ok', 'room for 12 of ml.g5.xlarge and 0 of ml.g6.xlarge'],
  ] as const)('hosting with quotas %j: %s', ({ g5, g6 }, status, found) => {
    const rows = check(quotas({ 'ml.g5.xlarge for endpoint usage': g5, 'ml.g6.xlarge for endpoint usage': g6 }), {
      training: [],
    });
    expect(row(rows, 'chat/main')).toMatchObject({ status });
    expect(row(rows, 'chat/main').found).toContain(found);
  });

  test('counts the instances that run already against the quotas, and says where it could not', () => {
    const rows = check({
      hosted: known(
        new Map([
          ['ml.g5.xlarge', 3],
          ['ml.p5.48xlarge', 1],
        ]),
      ),
    });
    // 8 - 3 of the first type and 4 of the second one hold the maximum of 8, and no update of 4 more.
    expect(row(rows, 'chat/main')).toMatchObject({
      status: 'warning',
      remedy: "raise 'ml.g5.xlarge for endpoint usage' to 15 in Service Quotas (us-east-1)",
    });
    expect(row(rows, 'chat/main').found).toContain(
      "room for 5 of ml.g5.xlarge and 4 of ml.g6.xlarge in the quotas 'for endpoint usage', beside 3 of ml.g5.xlarge that run already",
    );
    const unread = check({ hosted: { kind: 'unknown', action: 'sagemaker:ListEndpoints', reason: 'not allowed' } });
    expect(row(unread, 'chat/main').status).toBe('ok');
    expect(row(unread, 'endpoints that use the quotas already')).toMatchObject({
      status: 'unknown',
      found: 'not allowed',
      remedy: 'allow sagemaker:ListEndpoints for whoever runs the check, or look it up in the console',
    });
  });

  test('counts a quota once for all fleets that share it', () => {
    const [fleet] = NEEDS.fleets;
    const rows = check({}, { fleets: [fleet!, { ...fleet!, fleet: 'search/main' }] });
    expect(row(rows, 'chat/main').status).toBe('ok');
    // 8 + 4 instances of both types, of which the first fleet has taken 8.
    expect(row(rows, 'search/main')).toMatchObject({ status: 'fails' });
    expect(row(rows, 'search/main').found).toContain('scaling stops at 4');
  });

  test('names a quota that Service Quotas does not list instead of taking it for enough', () => {
    const rows = check(quotas({ 'ml.g5.xlarge for endpoint usage': 100 }), { training: [] });
    expect(row(rows, 'chat/main')).toMatchObject({ status: 'unknown' });
    expect(row(rows, 'chat/main').found).toContain("no quota 'ml.g6.xlarge for endpoint usage' in us-east-1");
  });

  test.each([
    [{ spot: 0, demand: 0 }, 'fails', 'no training job can start'],
    [{ spot: 0, demand: 1 }, 'warning', 'fewer ways to start'],
    [{ spot: 1, demand: 1 }, 'ok', 'ml.g5.xlarge for spot training job usage: 1'],
  ] as const)('training with quotas %j: %s', ({ spot, demand }, status, found) => {
    const rows = check(
      quotas({
        'ml.g5.xlarge for spot training job usage': spot,
        'ml.g5.xlarge for training job usage': demand,
      }),
      { fleets: [] },
    );
    expect(row(rows, 'training')).toMatchObject({ status });
    expect(row(rows, 'training').found).toContain(found);
  });

  test.each([
    [{ spot: 1 }, 'ok', 'ml.g5.xlarge for spot training job usage: 1 (1 in use by jobs in progress)', undefined],
    [
      { spot: 1, demand: 1 },
      'warning',
      'no training job can start until one of them ends',
      "raise 'ml.g5.xlarge for spot training job usage' to 2 in Service Quotas (us-east-1)",
    ],
  ] as const)('training jobs in progress (%j) use up quotas: %s', (running, status, found, remedy) => {
    const used = new Map<string, number>([
      ['ml.g5.xlarge for spot training job usage', running.spot],
      ['ml.g5.xlarge for training job usage', 'demand' in running ? running.demand : 0],
    ]);
    const checked = row(check({ training: known(used) }), 'training by');
    expect(checked).toMatchObject({ status });
    expect(checked.found).toContain(found);
    expect(checked.remedy).toBe(remedy);
  });

  test('training jobs in progress that could not be counted are unknown', () => {
    const training = { kind: 'unknown', action: 'sagemaker:ListTrainingJobs', reason: 'not allowed' } as const;
    const rows = check({ training });
    expect(row(rows, 'training by').status).toBe('ok');
    expect(row(rows, 'training jobs that use the quotas already')).toMatchObject({ status: 'unknown' });
  });

  test('a reservation in the pool of a new account fails, because Lambda keeps 100 unreserved', () => {
    const lambda = known({ concurrentExecutions: 10, unreserved: 10 });
    expect(row(check({ lambda }, { reservedConcurrency: 1 }), 'Lambda')).toMatchObject({
      status: 'fails',
      found: '10 of 10 concurrent executions are unreserved; the functions reserve 1, and Lambda keeps 100 unreserved',
    });
    expect(row(check({ lambda }, { streamConcurrency: 16 }), 'Lambda').status).toBe('warning');
    expect(row(check({ lambda }), 'Lambda').status).toBe('ok');
  });

  test.each([
    [null, 'fails', 'does not exist: the region is not bootstrapped'],
    [5, 'fails', 'version 5; the templates need 6'],
    [6, 'ok', 'version 6'],
  ] as const)('bootstrap version %s: %s', (version, status, found) => {
    const rows = check({ bootstrapVersion: known(version) });
    expect(row(rows, 'bootstrap')).toMatchObject({ status });
    expect(row(rows, 'bootstrap').found).toContain(found);
    if (status === 'fails') {
      expect(row(rows, 'bootstrap').remedy).toBe('npx cdk bootstrap aws://123456789012/us-east-1');
    }
  });

  test('an image that the registry lacks, and an action that the role lacks, fail', () => {
    const rows = check({
      images: new Map([[NEEDS.images[0]!.uri, known(false)]]),
      permissions: [
        {
          role: 'deployer',
          denied: known([
            { action: 'iam:CreateRole', isCertain: true },
            { action: 'sts:AssumeRole', resource: 'cdk-deploy-role', isCertain: true },
          ]),
        },
      ],
    });
    expect(row(rows, 'image vllm:1').status).toBe('fails');
    expect(rows.filter(({ check: title }) => title.includes('deployer'))).toEqual([
      {
        check: 'permissions of deployer',
        status: 'fails',
        found: 'not allowed: iam:CreateRole, sts:AssumeRole on cdk-deploy-role',
        remedy: 'allow them in the policies of deployer',
      },
    ]);
  });

  test('an action that a statement on resources may allow is unknown, and no failure', () => {
    const denied = known([
      { action: 'sagemaker:CreateEndpoint', isCertain: false },
      { action: 'iam:CreateRole', isCertain: true },
    ]);
    const rows = check({ permissions: [{ role: 'deployer', denied }] });
    expect(
      rows.filter(({ check: title }) => title.includes('deployer')).map(({ status, found }) => [status, found]),
    ).toEqual([
      ['fails', 'not allowed: iam:CreateRole'],
      ['unknown', 'not allowed on every resource: sagemaker:CreateEndpoint'],
    ]);
  });

  test('the cost takes the price that was given for the region, and names both ways to give one where none is known', () => {
    const cost = (prices: readonly PriceOverride[], region: string): CheckRow =>
      row(checkAccount(NEEDS, FACTS, { region, prices }), 'cost');
    const given = ['ml.g5.xlarge', 'ml.g6.xlarge'].map((instanceType) => ({
      instanceType,
      usdPerHour: 2,
      region: 'eu-west-1',
      purpose: 'hosting' as const,
    }));
    expect(cost(given, 'eu-west-1').found).toBe('1460 USD a month at the minimum, 16.00 USD an hour at the maximum');
    expect(cost(given, 'eu-west-3')).toMatchObject({
      status: 'unknown',
      remedy: 'give --prices FILE, which `npx tidegate prices update --region eu-west-3` writes, or --price TYPE=USD',
    });
  });

  test('what could not be read is unknown, with the permission that is missing, and never passes', () => {
    const unknown = { kind: 'unknown', action: 'some:Action', reason: 'some:Action could not be read' } as const;
    const rows = check({
      quotas: unknown,
      training: unknown,
      lambda: unknown,
      bootstrapVersion: unknown,
      hasScalingRole: unknown,
      images: new Map([[NEEDS.images[0]!.uri, unknown]]),
      permissions: [{ role: 'deployer', denied: unknown }],
    });
    const asked = rows.filter(({ check: title }) => !title.includes('cost'));
    expect(asked).toHaveLength(7);
    for (const { status, remedy } of asked) {
      expect(status).toBe('unknown');
      expect(remedy).toContain('allow some:Action');
    }
  });

  test('the actions of a deployment include those that a service checks beside its own', () => {
    const { actions } = deploymentActions(['AWS::ApplicationAutoScaling::ScalableTarget', 'AWS::SageMaker::Model']);
    expect(actions).toEqual(
      expect.arrayContaining([
        'application-autoscaling:RegisterScalableTarget',
        'sagemaker:DescribeEndpointConfig',
        'cloudwatch:DescribeAlarms',
        'iam:CreateServiceLinkedRole',
        'sagemaker:CreateModel',
        'iam:PassRole',
      ]),
    );
  });

  test('a resource type whose actions are not known is unknown', () => {
    const rows = check({}, { resourceTypes: ['AWS::QuantumLedger::Ledger'] });
    expect(row(rows, 'permissions of other types')).toMatchObject({ status: 'unknown' });
  });
});

describe('the table of the check', () => {
  const lambdaOf = (unreserved: number, reservedConcurrency: number, streamConcurrency: number): CheckRow =>
    row(
      check({ lambda: known({ concurrentExecutions: 1000, unreserved }) }, { reservedConcurrency, streamConcurrency }),
      'Lambda',
    );
  const [fleet] = NEEDS.fleets;

  test('says of everything that is there what was found', () => {
    const roomy = quotas({
      'ml.g5.xlarge for endpoint usage': 12,
      'ml.g6.xlarge for endpoint usage': 4,
      'ml.g5.xlarge for spot training job usage': 1,
      'ml.g5.xlarge for training job usage': 1,
    });
    expect(check({ ...roomy, bootstrapVersion: known(6) })).toEqual([
      { check: 'CDK bootstrap', status: 'ok', found: 'version 6; the templates need 6' },
      {
        check: 'instances of chat/main',
        status: 'ok',
        found:
          "room for 12 of ml.g5.xlarge and 4 of ml.g6.xlarge in the quotas 'for endpoint usage'; starts with 1, scales to 8",
      },
      {
        check: 'training by Training',
        status: 'ok',
        found: 'ml.g5.xlarge for spot training job usage: 1; ml.g5.xlarge for training job usage: 1',
      },
      {
        check: 'concurrency of Lambda',
        status: 'ok',
        found: '1000 of 1000 concurrent executions are unreserved; the functions reserve 0, the streams use up to 4',
      },
      {
        check: 'role of Application Auto Scaling',
        status: 'ok',
        found: 'AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint exists',
      },
      { check: 'image vllm:1', status: 'ok', found: 'found in us-east-1' },
      { check: 'permissions of deployer', status: 'ok', found: 'every action of the deployment is allowed' },
      {
        check: 'cost of the instances',
        status: 'ok',
        found: '1028 USD a month at the minimum, 11.26 USD an hour at the maximum',
      },
    ]);
  });

  test('has no row for what a deployment does not need', () => {
    const nothing: Partial<AccountNeeds> = {
      fleets: [],
      training: [],
      images: [],
      bootstrap: undefined,
      streamConcurrency: 0,
      hasScaling: false,
      resourceTypes: [],
      unknown: ['t.json: a fleet is decided by the deployment'],
    };
    expect(check({ permissions: [] }, nothing)).toEqual([
      { check: 'templates', status: 'unknown', found: 't.json: a fleet is decided by the deployment' },
    ]);
  });

  test('names what could not be read, each with its permission', () => {
    const unknown = { kind: 'unknown', action: 'some:Action', reason: 'denied' } as const;
    const rows = check({
      quotas: unknown,
      lambda: unknown,
      bootstrapVersion: unknown,
      hasScalingRole: unknown,
      images: new Map([[NEEDS.images[0]!.uri, unknown]]),
      permissions: [{ role: 'deployer', denied: unknown }],
    });
    const common = {
      status: 'unknown',
      found: 'denied',
      remedy: 'allow some:Action for whoever runs the check, or look it up in the console',
    };
    expect(rows.slice(0, -1)).toEqual(
      [
        'CDK bootstrap',
        'quotas of hosting',
        'quotas of training',
        'concurrency of Lambda',
        'role of Application Auto Scaling',
        'image vllm:1',
        'permissions of deployer',
      ].map((title) => ({ check: title, ...common })),
    );
  });

  test('fails for a region without bootstrap, with the parameter that is missing', () => {
    expect(row(check({ bootstrapVersion: known(null) }), 'bootstrap').found).toBe(
      '/cdk-bootstrap/hnb659fds/version does not exist: the region is not bootstrapped',
    );
  });

  test('has the way out where a quota is not listed, and names every one', () => {
    expect(row(check(quotas({}), { training: [] }), 'chat/main')).toEqual({
      check: 'instances of chat/main',
      status: 'unknown',
      found:
        "Service Quotas lists no quota 'ml.g5.xlarge for endpoint usage', 'ml.g6.xlarge for endpoint usage' in us-east-1: " +
        'SageMaker may not offer the type there',
      remedy: 'choose another type or region',
    });
  });

  test.each(['initial', 'maximum', 'rolloutExtra'] as const)('does not judge a fleet whose %s is not known', (name) => {
    const rows = check({}, { fleets: [{ ...fleet!, [name]: null }] });
    expect(row(rows, 'chat/main')).toEqual({
      check: 'instances of chat/main',
      status: 'unknown',
      found: 'its numbers of instances are decided by the deployment',
    });
  });

  test.each(['minimum', 'maximum'] as const)('does not price a fleet whose %s is not known', (name) => {
    expect(row(check({}, { fleets: [{ ...fleet!, [name]: null }] }), 'cost')).toEqual({
      check: 'cost of the instances',
      status: 'unknown',
      found: 'the limits of chat/main are decided by the deployment',
    });
  });

  test('says that scaling has just enough room, and for an update how many are missing', () => {
    const just = quotas({ 'ml.g5.xlarge for endpoint usage': 8, 'ml.g6.xlarge for endpoint usage': 0 });
    expect(row(check(just, { training: [] }), 'chat/main')).toEqual({
      check: 'instances of chat/main',
      status: 'warning',
      found:
        "room for 8 of ml.g5.xlarge and 0 of ml.g6.xlarge in the quotas 'for endpoint usage'; starts with 1, scales to 8: " +
        'an update while all 8 run needs 4 more and would be rolled back',
      remedy: "raise 'ml.g5.xlarge for endpoint usage' to 12 in Service Quotas (us-east-1)",
    });
  });

  test('names every type that runs, and none that does not', () => {
    const hosted = known(
      new Map([
        ['ml.g5.xlarge', 1],
        ['ml.g6.xlarge', 2],
      ]),
    );
    expect(row(check({ hosted }), 'chat/main').found).toContain(
      ', beside 1 of ml.g5.xlarge and 2 of ml.g6.xlarge that run already; starts',
    );
  });

  test('checks each state machine by itself, with jobs of several instances and those in progress', () => {
    const spot = 'ml.g5.xlarge for spot training job usage';
    const training = [
      { stateMachine: 'Big', instanceType: 'ml.g5.xlarge', instances: 2, use: 'spot-training' as const },
      { stateMachine: 'Small', instanceType: 'ml.g5.xlarge', instances: 1, use: 'spot-training' as const },
      { stateMachine: 'Other', instanceType: 'ml.p5.48xlarge', instances: 1, use: 'training' as const },
    ];
    const rows = check({ ...quotas({ [spot]: 3 }), training: known(new Map([[spot, 2]])) }, { fleets: [], training });
    expect(rows.filter(({ check: title }) => title.startsWith('training'))).toEqual([
      {
        check: 'training by Big',
        status: 'warning',
        found: `${spot}: 3 (needs 2, 2 in use by jobs in progress): no training job can start until one of them ends`,
        remedy: `raise '${spot}' to 4 in Service Quotas (us-east-1)`,
      },
      { check: 'training by Small', status: 'ok', found: `${spot}: 3 (2 in use by jobs in progress)` },
      {
        check: 'training by Other',
        status: 'fails',
        found: 'ml.p5.48xlarge for training job usage: not listed: no training job can start',
        remedy: "raise 'ml.p5.48xlarge for training job usage' to 1 in Service Quotas (us-east-1)",
      },
    ]);
  });

  test('leaves Lambda its 100, and lets streams use what is unreserved', () => {
    const remedy = "raise 'Concurrent executions' of AWS Lambda in Service Quotas";
    const unreserved = '200 of 1000 concurrent executions are unreserved';
    expect(lambdaOf(200, 100, 0)).toMatchObject({
      status: 'ok',
      found: `${unreserved}; the functions reserve 100, the streams use up to 0`,
    });
    expect(lambdaOf(200, 101, 0)).toEqual({
      check: 'concurrency of Lambda',
      status: 'fails',
      found: `${unreserved}; the functions reserve 101, and Lambda keeps 100 unreserved`,
      remedy,
    });
    expect(lambdaOf(200, 0, 200).status).toBe('ok');
    expect(lambdaOf(200, 0, 201)).toEqual({
      check: 'concurrency of Lambda',
      status: 'warning',
      found: `${unreserved}; the streams use up to 201`,
      remedy,
    });
  });

  test('names the role that the first scalable target creates', () => {
    expect(row(check({ hasScalingRole: known(false) }), 'role of').found).toBe(
      'AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint does not exist; the first scalable target creates it, ' +
        'with iam:CreateServiceLinkedRole',
    );
  });

  test('fails for an image that is not there, and does not judge one that the registry was not asked for', () => {
    const [image] = NEEDS.images;
    expect(row(check({ images: new Map([[image!.uri, known(false)]]) }), 'image')).toEqual({
      check: 'image vllm:1',
      status: 'fails',
      found: `not in the registry: ${image!.uri}`,
      remedy: 'give a tag and a region that the registry has',
    });
    expect(row(check({ images: new Map() }), 'image')).toEqual({
      check: 'image vllm:1',
      status: 'unknown',
      found: 'the registry was not asked',
    });
  });

  test('says where to look for an action that some resources allow, and for the actions of a type', () => {
    const denied = known([{ action: 'iam:PassRole', isCertain: false }]);
    const rows = check({ permissions: [{ role: 'deployer', denied }] }, { resourceTypes: ['A::B::C', 'A::B::D'] });
    expect(rows.filter(({ check: title }) => title.startsWith('permissions'))).toEqual([
      {
        check: 'permissions of deployer',
        status: 'unknown',
        found: 'not allowed on every resource: iam:PassRole',
        remedy:
          'look whether a statement of deployer allows them on resources of this name, which the deployment creates; else allow them',
      },
      {
        check: 'permissions of other types',
        status: 'unknown',
        found: 'no actions are known for A::B::C, A::B::D',
        remedy: "look them up in the types' schemas (aws cloudformation describe-type)",
      },
    ]);
  });

  test('lists the actions of a deployment once each, in order', () => {
    const { actions, unlisted } = deploymentActions(['AWS::SageMaker::Model', 'A::B::C', 'AWS::SageMaker::Endpoint']);
    expect(unlisted).toEqual(['A::B::C']);
    expect(actions).toEqual([...new Set(actions)].sort());
    expect(actions.length).toBeGreaterThan(4);
    expect(deploymentActions(['A::B::C'])).toEqual({ actions: [], unlisted: ['A::B::C'] });
  });
});

describe('the needs of templates', () => {
  const endpoint = (deployment: object | undefined, extra: object = {}) => ({
    Resources: {
      Config: {
        Type: 'AWS::SageMaker::EndpointConfig',
        Properties: {
          ProductionVariants: [
            { VariantName: 'main', ModelName: 'm', InitialInstanceCount: 2, InstanceType: 'ml.g5.xlarge' },
          ],
          ...extra,
        },
      },
      Endpoint: {
        Type: 'AWS::SageMaker::Endpoint',
        Properties: {
          EndpointName: 'chat',
          EndpointConfigName: { 'Fn::GetAtt': ['Config', 'EndpointConfigName'] },
          ...(deployment !== undefined && { DeploymentConfig: deployment }),
        },
      },
      Target: {
        Type: 'AWS::ApplicationAutoScaling::ScalableTarget',
        Properties: {
          ServiceNamespace: 'sagemaker',
          ScalableDimension: 'sagemaker:variant:DesiredInstanceCount',
          ResourceId: 'endpoint/chat/variant/main',
          MinCapacity: 1,
          MaxCapacity: 10,
        },
      },
    },
  });
  const fleetOf = (document: object) => accountNeeds([{ name: 't.json', document }]).fleets[0]!;

  test.each([
    ['blue/green, the default', undefined, 10],
    ['a canary, whose second fleet is whole', { BlueGreenUpdatePolicy: {} }, 10],
    [
      'a rolling update in percent',
      { RollingUpdatePolicy: { MaximumBatchSize: { Type: 'CAPACITY_PERCENT', Value: 25 } } },
      3,
    ],
    [
      'a rolling update in instances',
      { RollingUpdatePolicy: { MaximumBatchSize: { Type: 'INSTANCE_COUNT', Value: 2 } } },
      2,
    ],
  ])('an update by %s needs more beside the maximum', (_how, deployment, extra) => {
    expect(fleetOf(endpoint(deployment))).toEqual({
      fleet: 'chat/main',
      instanceTypes: ['ml.g5.xlarge'],
      initial: 2,
      minimum: 1,
      maximum: 10,
      rolloutExtra: extra,
    });
  });

  test('a shadow counts beside its variant', () => {
    const shadow = { VariantName: 'next', ModelName: 'm', InitialInstanceCount: 3, InstanceType: 'ml.g6.xlarge' };
    const document = endpoint(undefined, { ShadowProductionVariants: [shadow] });
    const { fleets } = accountNeeds([{ name: 't.json', document }]);
    expect(fleets.map(({ fleet, maximum }) => [fleet, maximum])).toEqual([
      ['chat/main', 10],
      ['chat/next (shadow)', 3],
    ]);
  });

  test('a definition that only the deployment decides is named as unknown', () => {
    const document = {
      Resources: {
        Training: {
          Type: 'AWS::StepFunctions::StateMachine',
          Properties: { DefinitionS3Location: { Bucket: 'b', Key: 'k' } },
        },
      },
    };
    expect(accountNeeds([{ name: 't.json', document }]).unknown).toEqual([
      't.json: the definition of Training is decided by the deployment, so its training jobs are unknown',
    ]);
  });
});
