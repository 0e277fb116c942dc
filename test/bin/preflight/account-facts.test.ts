import * as fs from 'node:fs';
import * as http from 'node:http';
import type { AddressInfo } from 'node:net';
import * as path from 'node:path';
import { readAccountFacts } from '../../../bin/preflight/account-facts';
import type { AccountNeeds } from '../../../lib/preflight/contract';

const IMAGE = '763104351884.dkr.ecr.us-east-1.amazonaws.com/vllm:1';

const NEEDS: AccountNeeds = {
  fleets: [],
  training: [{ stateMachine: 'Training', instanceType: 'ml.g5.xlarge', instances: 1, use: 'training' }],
  images: [{ uri: IMAGE, account: '763104351884', region: 'us-east-1', repository: 'vllm', tag: '1' }],
  bootstrap: { parameterName: '/cdk-bootstrap/hnb659fds/version', qualifier: 'hnb659fds', minimumVersion: 6 },
  reservedConcurrency: 0,
  streamConcurrency: 0,
  hasScaling: true,
  resourceTypes: ['AWS::SageMaker::Endpoint'],
  stackNames: ['Chat'],
  unknown: [],
};

interface Reply {
  readonly status?: number;
  readonly headers?: { readonly [name: string]: string };
  readonly body: string;
}

/** Replies of the services in the shapes that they have on the wire; `null` never replies. */
type Replies = { [call: string]: Reply | ((body: string) => Reply) | null };

const xml = (body: string, status = 200): Reply => ({ status, headers: { 'content-type': 'text/xml' }, body });
const json = (value: object, status = 200, headers: { readonly [name: string]: string } = {}): Reply => ({
  status,
  headers: { 'content-type': 'application/x-amz-json-1.1', ...headers },
  body: JSON.stringify(value),
});

const PERSON = 'arn:aws:sts::111122223333:assumed-role/Deployer/sarah';
const identity = xml(
  '<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>' +
    `<Arn>${PERSON}</Arn><UserId>AROAEXAMPLE:sarah</UserId><Account>111122223333</Account>` +
    '</GetCallerIdentityResult></GetCallerIdentityResponse>',
);
const role = (name: string): Reply =>
  xml(
    '<GetRoleResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><GetRoleResult><Role>' +
      `<Path>/teams/</Path><RoleName>${name}</RoleName><RoleId>AROAEXAMPLE</RoleId><Arn>arn:aws:iam::111122223333:role/teams/${name}</Arn>` +
      '<CreateDate>2026-01-01T00:00:00Z</CreateDate></Role></GetRoleResult></GetRoleResponse>',
  );
const iamError = (code: string, status: number): Reply =>
  xml(
    '<ErrorResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><Error><Type>Sender</Type>' +
      `<Code>${code}</Code><Message>User is not authorized or nothing is there</Message></Error></ErrorResponse>`,
    status,
  );
interface Decision {
  readonly decision: 'allowed' | 'implicitDeny' | 'explicitDeny';
  /** Keys of conditions that the simulation does not know. */
  readonly missing?: readonly string[];
}

const simulated = (decide: (action: string, resource: string) => Decision) => (body: string) => {
  const form = new URLSearchParams(body);
  const resource = form.get('ResourceArns.member.1') ?? '*';
  const results = [...form]
    .filter(([name]) => name.startsWith('ActionNames'))
    .map(([, action]) => {
      const { decision, missing = [] } = decide(action, resource);
      const keys = `<MissingContextValues>${missing.map((key) => `<member>${key}</member>`).join('')}</MissingContextValues>`;
      return (
        `<member><EvalActionName>${action}</EvalActionName><EvalResourceName>${resource}</EvalResourceName>` +
        `<EvalDecision>${decision}</EvalDecision>${keys}</member>`
      );
    });
  return xml(
    '<SimulatePrincipalPolicyResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><SimulatePrincipalPolicyResult>' +
      `<IsTruncated>false</IsTruncated><EvaluationResults>${results.join('')}</EvaluationResults>` +
      '</SimulatePrincipalPolicyResult></SimulatePrincipalPolicyResponse>',
  );
};

const iamXml = (action: string, result: string): Reply =>
  xml(
    `<${action}Response xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><${action}Result>${result}</${action}Result></${action}Response>`,
  );
const EXECUTION_ROLE = 'cdk-hnb659fds-cfn-exec-role-111122223333-us-east-1';

const endpointArn = (name: string): string => `arn:aws:sagemaker:us-east-1:111122223333:endpoint/${name}`;
const policyVersion = (...Statement: readonly object[]): Reply =>
  iamXml(
    'GetPolicyVersion',
    `<PolicyVersion><VersionId>v3</VersionId><Document>${encodeURIComponent(JSON.stringify({ Statement }))}</Document></PolicyVersion>`,
  );
const GOOD: Replies = {
  ListEndpoints: json({
    Endpoints: ['plain', 'pooled', 'own'].map((EndpointName) => ({
      EndpointName,
      EndpointArn: endpointArn(EndpointName),
    })),
  }),
  ListTags: (body) =>
    json({ Tags: body.includes('endpoint/own') ? [{ Key: 'aws:cloudformation:stack-name', Value: 'Chat' }] : [] }),
  DescribeEndpoint: (body) =>
    json({
      EndpointConfigName: 'config',
      ProductionVariants: [
        body.includes('pooled')
          ? {
              VariantName: 'main',
              CurrentInstanceCount: 3,
              InstancePools: [
                { InstanceType: 'ml.g5.xlarge', CurrentInstanceCount: 2 },
                { InstanceType: 'ml.g6.xlarge', CurrentInstanceCount: 1 },
              ],
            }
          : { VariantName: 'main', CurrentInstanceCount: 1, DesiredInstanceCount: 4 },
      ],
    }),
  DescribeEndpointConfig: json({ ProductionVariants: [{ VariantName: 'main', InstanceType: 'ml.g5.xlarge' }] }),
  ListTrainingJobs: (body) => {
    const page = (names: readonly string[], NextToken?: string): Reply =>
      json({ TrainingJobSummaries: names.map((TrainingJobName) => ({ TrainingJobName })), NextToken });
    if (!body.includes('"StatusEquals":"InProgress"')) return page(['ended', 'demand', 'spot', 'groups']);
    return body.includes('page-2') ? page(['spot', 'groups']) : page(['demand'], 'page-2');
  },
  DescribeTrainingJob: (body) =>
    json(
      body.includes('groups')
        ? {
            ResourceConfig: {
              InstanceGroups: [
                { InstanceGroupName: 'a', InstanceType: 'ml.g5.xlarge', InstanceCount: 2 },
                { InstanceGroupName: 'b', InstanceType: 'ml.c5.xlarge', InstanceCount: 1 },
              ],
            },
          }
        : {
            ResourceConfig: { InstanceType: 'ml.g5.xlarge', InstanceCount: 3 },
            EnableManagedSpotTraining: body.includes('spot'),
          },
    ),
  [`GetRole ${EXECUTION_ROLE}`]: role(EXECUTION_ROLE),
  ListRolePolicies: iamXml('ListRolePolicies', '<IsTruncated>false</IsTruncated><PolicyNames/>'),
  ListAttachedRolePolicies: iamXml(
    'ListAttachedRolePolicies',
    '<IsTruncated>false</IsTruncated><AttachedPolicies><member><PolicyName>P</PolicyName>' +
      '<PolicyArn>arn:aws:iam::111122223333:policy/P</PolicyArn></member></AttachedPolicies>',
  ),
  GetPolicy: iamXml('GetPolicy', '<Policy><DefaultVersionId>v3</DefaultVersionId></Policy>'),
  GetPolicyVersion: policyVersion({ Effect: 'Allow', Action: '*', Resource: '*' }),
  GetCallerIdentity: identity,
  ListAWSDefaultServiceQuotas: json({
    Quotas: [
      { QuotaName: 'ml.g5.xlarge for endpoint usage', Value: 0 },
      { QuotaName: 'ml.g6.xlarge for endpoint usage', Value: 2 },
    ],
  }),
  ListServiceQuotas: (body) =>
    body.includes('page-2')
      ? json({ Quotas: [{ QuotaName: 'ml.g5.xlarge for endpoint usage', Value: 9 }] })
      : json({ Quotas: [{ QuotaName: 'other', Value: 1 }], NextToken: 'page-2' }),
  'account-settings': json({ AccountLimit: { ConcurrentExecutions: 10, UnreservedConcurrentExecutions: 10 } }),
  GetParameter: json({ Parameter: { Name: 'version', Value: '28' } }),
  'GetRole AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint': role(
    'AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint',
  ),
  'GetRole Deployer': role('Deployer'),
  BatchGetImage: json({ images: [{ imageId: { imageTag: '1' } }], failures: [] }),
  SimulatePrincipalPolicy: simulated(() => ({ decision: 'allowed' })),
};

/** Name of a call: of its target, its action, with the role that it names, or its path. */
function callOf(request: http.IncomingMessage, body: string): string {
  const target = request.headers['x-amz-target'];
  if (typeof target === 'string') return target.split('.').at(-1)!;
  const form = new URLSearchParams(body);
  const action = form.get('Action');
  if (action === null) return request.url!.split('/').at(-1)!;
  return action === 'GetRole' ? `GetRole ${form.get('RoleName')}` : action;
}

describe('the facts of an account', () => {
  let server: http.Server;
  let replies: Replies;
  let bodies: { readonly call: string; readonly body: string }[];
  let called: Set<string>;

  beforeEach(async () => {
    replies = { ...GOOD };
    bodies = [];
    called = new Set();
    server = http.createServer((request, response) => {
      let body = '';
      request.on('data', (part: Buffer) => (body += part.toString()));
      request.on('end', () => {
        const call = callOf(request, body);
        bodies.push({ call, body });
        const service = /Credential=[^/]+\/\d+\/[\w-]+\/(\w+)\//.exec(String(request.headers.authorization))![1]!;
        called.add(`${service}:${call === 'account-settings' ? 'GetAccountSettings' : call.split(' ')[0]}`);
        const found = replies[call];
        if (found === null) return;
        const reply =
          typeof found === 'function' ? found(body) : (found ?? json({ message: `no reply to ${call}` }, 500));
        response.writeHead(reply.status ?? 200, { ...reply.headers });
        response.end(reply.body);
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });
  afterEach(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  const read = () =>
    readAccountFacts(NEEDS, {
      region: 'us-east-1',
      endpointUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      credentials: { accessKeyId: 'AKIAEXAMPLE', secretAccessKey: 'secret' },
      timeoutMs: 400,
    });

  test('are read from the services, page by page, with the defaults of quotas that were never raised', async () => {
    const facts = await read();
    expect(facts).toMatchObject({
      accountId: '111122223333',
      lambda: { kind: 'known', value: { concurrentExecutions: 10, unreserved: 10 } },
      bootstrapVersion: { kind: 'known', value: 28 },
      hasScalingRole: { kind: 'known', value: true },
    });
    expect(facts.quotas).toEqual({
      kind: 'known',
      value: new Map([
        ['ml.g5.xlarge for endpoint usage', 9],
        ['ml.g6.xlarge for endpoint usage', 2],
        ['other', 1],
      ]),
    });
    expect(facts.images.get(IMAGE)).toEqual({ kind: 'known', value: true });
    expect(facts.permissions).toEqual([
      { role: PERSON, denied: { kind: 'known', value: [] } },
      { role: EXECUTION_ROLE, denied: { kind: 'known', value: [] } },
    ]);
  });

  test('ask for the role of the caller with its path, and for the one that CloudFormation acts with', async () => {
    await read();
    const sources = bodies
      .filter(({ call }) => call === 'SimulatePrincipalPolicy')
      .map(({ body }) => new URLSearchParams(body).get('PolicySourceArn'));
    expect(sources).toEqual([
      'arn:aws:iam::111122223333:role/teams/Deployer',
      'arn:aws:iam::111122223333:role/teams/Deployer',
      'arn:aws:iam::111122223333:role/cdk-hnb659fds-cfn-exec-role-111122223333-us-east-1',
    ]);
  });

  test('tell what is not there from what could not be read', async () => {
    replies = {
      ...replies,
      GetParameter: json({ __type: 'ParameterNotFound', message: '' }, 400),
      'GetRole AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint': iamError('NoSuchEntity', 404),
      BatchGetImage: json({ images: [], failures: [{ failureCode: 'ImageNotFound' }] }),
      SimulatePrincipalPolicy: simulated((action) => ({
        decision: action.endsWith('CreateEndpoint') ? 'explicitDeny' : 'allowed',
      })),
    };
    const facts = await read();
    expect(facts.bootstrapVersion).toEqual({ kind: 'known', value: null });
    expect(facts.hasScalingRole).toEqual({ kind: 'known', value: false });
    expect(facts.images.get(IMAGE)).toEqual({ kind: 'known', value: false });
    // The role that CloudFormation acts with comes with the bootstrap.
    expect(facts.permissions.map(({ role }) => role)).toEqual([PERSON]);
    replies['GetParameter'] = GOOD['GetParameter']!;
    expect((await read()).permissions[1]!.denied).toEqual({
      kind: 'known',
      value: [{ action: 'sagemaker:CreateEndpoint', isCertain: true }],
    });

    replies = {
      ...replies,
      GetParameter: json({ __type: 'AccessDeniedException', message: 'not authorized' }, 400),
      'account-settings': json({ Message: 'not authorized' }, 403, { 'x-amzn-errortype': 'AccessDeniedException' }),
      'GetRole AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint': iamError('AccessDenied', 403),
      ListServiceQuotas: json({ __type: 'AccessDeniedException', Message: 'not authorized' }, 400),
      BatchGetImage: json({ __type: 'AccessDeniedException', message: 'not authorized' }, 400),
      SimulatePrincipalPolicy: iamError('AccessDenied', 403),
    };
    const refused = await read();
    const actionOf = (fact: { readonly kind: string } & Partial<{ readonly action: string }>) => [
      fact.kind,
      fact.action,
    ];
    expect(
      [
        refused.bootstrapVersion,
        refused.lambda,
        refused.hasScalingRole,
        refused.quotas,
        refused.images.get(IMAGE)!,
        refused.permissions[0]!.denied,
      ].map(actionOf),
    ).toEqual([
      ['unknown', 'ssm:GetParameter'],
      ['unknown', 'lambda:GetAccountSettings'],
      ['unknown', 'iam:GetRole'],
      ['unknown', 'servicequotas:ListServiceQuotas'],
      ['unknown', 'ecr:BatchGetImage'],
      ['unknown', 'iam:SimulatePrincipalPolicy'],
    ]);
  });

  test('a statement that names the roles of the CDK is enough for the caller, and one that is missing is not', async () => {
    const allowed = (names: RegExp) =>
      simulated((action, resource) => ({
        decision: action !== 'sts:AssumeRole' || names.test(resource) ? 'allowed' : 'implicitDeny',
      }));
    replies = { ...replies, SimulatePrincipalPolicy: allowed(/^arn:aws:iam::111122223333:role\/cdk-hnb659fds-/) };
    expect((await read()).permissions[0]).toEqual({ role: PERSON, denied: { kind: 'known', value: [] } });
    replies['SimulatePrincipalPolicy'] = allowed(/file-publishing-role/);
    expect((await read()).permissions[0]!.denied).toEqual({
      kind: 'known',
      value: [
        {
          action: 'sts:AssumeRole',
          resource: 'cdk-hnb659fds-deploy-role-111122223333-us-east-1',
          isCertain: true,
        },
      ],
    });
  });

  test.each([
    ['no statement allows an action on every resource', { decision: 'implicitDeny' }, false],
    ['a statement denies an action', { decision: 'explicitDeny' }, true],
    [
      'a statement denies it on a condition that is not known',
      { decision: 'explicitDeny', missing: ['aws:MultiFactorAuthPresent'] },
      false,
    ],
  ] as const)('where %s, its refusal is certain or not', async (_case, decision, isCertain) => {
    const SimulatePrincipalPolicy = simulated((action) =>
      action === 'sagemaker:CreateEndpoint' ? decision : { decision: 'allowed' },
    );
    replies = { ...replies, SimulatePrincipalPolicy };
    expect((await read()).permissions[1]!.denied).toEqual({
      kind: 'known',
      value: [{ action: 'sagemaker:CreateEndpoint', isCertain }],
    });
  });

  const notResource = (Action: string | readonly string[]) => ({
    Effect: 'Deny',
    Action,
    NotResource: 'arn:aws:s3:::x',
  });
  test.each<[string, Partial<Replies>, boolean]>([
    [
      'reaches every resource',
      { GetPolicyVersion: policyVersion({ Effect: 'Deny', Action: '*', Resource: '*' }) },
      true,
    ],
    ['leaves resources out', { GetPolicyVersion: policyVersion(notResource('SageMaker:Create*')) }, false],
    [
      'leaves resources out of other actions',
      { GetPolicyVersion: policyVersion(notResource(['s3:*', 'iam:?'])) },
      true,
    ],
    [
      'leaves resources and actions out',
      { GetPolicyVersion: policyVersion({ Effect: 'Deny', NotAction: 'iam:*', NotResource: '*' }) },
      false,
    ],
    ['cannot be read', { GetPolicyVersion: iamError('AccessDenied', 403) }, false],
    [
      'is in the policy of the role itself, and leaves resources out',
      {
        ListRolePolicies: iamXml(
          'ListRolePolicies',
          '<IsTruncated>false</IsTruncated><PolicyNames><member>own</member></PolicyNames>',
        ),
        GetRolePolicy: iamXml(
          'GetRolePolicy',
          `<RoleName>r</RoleName><PolicyName>own</PolicyName><PolicyDocument>${encodeURIComponent(
            JSON.stringify({ Statement: notResource('*') }),
          )}</PolicyDocument>`,
        ),
      },
      false,
    ],
  ])('a denial whose statement %s is certain or not', async (_case, others, isCertain) => {
    const SimulatePrincipalPolicy = simulated((action) => ({
      decision: action === 'sagemaker:CreateEndpoint' ? 'explicitDeny' : 'allowed',
    }));
    replies = { ...replies, SimulatePrincipalPolicy, ...(others as Replies) };
    expect((await read()).permissions[1]!.denied).toEqual({
      kind: 'known',
      value: [{ action: 'sagemaker:CreateEndpoint', isCertain }],
    });
  });

  test('a denial by the organization, whose policies cannot be read, is not certain', async () => {
    replies['SimulatePrincipalPolicy'] = (body) => {
      const reply = simulated((action) => ({
        decision: action === 'sagemaker:CreateEndpoint' ? 'explicitDeny' : 'allowed',
      }))(body);
      const byOrganization =
        '<EvalDecision>explicitDeny</EvalDecision><OrganizationsDecisionDetail>' +
        '<AllowedByOrganizations>false</AllowedByOrganizations></OrganizationsDecisionDetail>';
      return { ...reply, body: reply.body.replace('<EvalDecision>explicitDeny</EvalDecision>', byOrganization) };
    };
    expect((await read()).permissions[1]!.denied).toMatchObject({ value: [{ isCertain: false }] });
  });

  test('training jobs in progress are counted by their quota: spot and on-demand, and every group of instances', async () => {
    expect((await read()).training).toEqual({
      kind: 'known',
      value: new Map([
        ['ml.g5.xlarge for training job usage', 3 + 2],
        ['ml.g5.xlarge for spot training job usage', 3],
        ['ml.c5.xlarge for training job usage', 1],
      ]),
    });
  });

  test('more training jobs than it can describe are not counted, and the reason says so', async () => {
    const many = Array.from({ length: 101 }, (_, index) => ({ TrainingJobName: `job-${index}` }));
    replies['ListTrainingJobs'] = json({ TrainingJobSummaries: many });
    expect((await read()).training).toMatchObject({
      kind: 'unknown',
      reason: expect.stringContaining('more than 100 training jobs in progress are too many to count') as string,
    });
    expect(bodies.filter(({ call }) => call === 'DescribeTrainingJob')).toEqual([]);
  });

  test('the README lists the actions that the caller needs, and no other', async () => {
    replies['SimulatePrincipalPolicy'] = simulated(() => ({ decision: 'explicitDeny' }));
    replies['ListRolePolicies'] = iamXml(
      'ListRolePolicies',
      '<IsTruncated>false</IsTruncated><PolicyNames><member>own</member></PolicyNames>',
    );
    replies['GetRolePolicy'] = iamXml(
      'GetRolePolicy',
      '<RoleName>r</RoleName><PolicyName>own</PolicyName><PolicyDocument>%7B%7D</PolicyDocument>',
    );
    await read();
    const readme = fs.readFileSync(path.resolve(__dirname, '../../../lib/preflight/README.md'), 'utf8');
    const listed = /## Permissions[\s\S]*?```\n([\s\S]*?)```/.exec(readme)![1]!.trim().split(/\s+/);
    expect([...called].sort()).toEqual([...listed, 'sts:GetCallerIdentity'].sort());
  });

  test('the region of the request is part of the simulation', async () => {
    await read();
    const forms = bodies.filter(({ call }) => call === 'SimulatePrincipalPolicy').map(({ body }) => body);
    expect(forms).toHaveLength(3);
    for (const body of forms) {
      expect(body).toContain('ContextKeyName=aws%3ARequestedRegion');
      expect(body).toContain('ContextKeyValues.member.1=us-east-1');
    }
  });

  test('a call that is throttled is repeated, and a refusal is not', async () => {
    let calls = 0;
    replies = {
      ...replies,
      ListAWSDefaultServiceQuotas: () => {
        calls += 1;
        const slower = json({ __type: 'TooManyRequestsException', Message: 'Rate exceeded' }, 429);
        return calls < 3 ? slower : (GOOD['ListAWSDefaultServiceQuotas'] as Reply);
      },
      BatchGetImage: json({ __type: 'AccessDeniedException', message: 'not authorized' }, 400),
    };
    const facts = await read();
    expect(facts.quotas.kind).toBe('known');
    expect(calls).toBe(3);
    expect(bodies.filter(({ call }) => call === 'BatchGetImage')).toHaveLength(1);
  });

  test('the instances of other stacks are counted by type, those that are asked for too', async () => {
    expect((await read()).hosted).toEqual({
      kind: 'known',
      value: new Map([
        ['ml.g5.xlarge', 4 + 2],
        ['ml.g6.xlarge', 1],
      ]),
    });
  });

  test('more endpoints than it can describe are not counted, and the reason says so', async () => {
    const many = Array.from({ length: 101 }, (_, index) => ({
      EndpointName: `e${index}`,
      EndpointArn: endpointArn(`e${index}`),
    }));
    replies['ListEndpoints'] = json({ Endpoints: many });
    expect((await read()).hosted).toMatchObject({
      kind: 'unknown',
      reason: expect.stringContaining(
        '101 endpoints are too many to count; compare with Service Quotas by hand',
      ) as string,
    });
    expect(bodies.filter(({ call }) => call === 'DescribeEndpoint')).toEqual([]);
  });

  test('a service that never replies is unknown after the time-out', async () => {
    replies = { ...replies, 'account-settings': null, ListAWSDefaultServiceQuotas: null };
    const facts = await read();
    expect(facts.lambda).toMatchObject({ kind: 'unknown', action: 'lambda:GetAccountSettings' });
    expect(facts.quotas).toMatchObject({ kind: 'unknown', action: 'servicequotas:ListServiceQuotas' });
  });

  test('credentials that are refused are an error, not an account without problems', async () => {
    replies = {
      GetCallerIdentity: xml(
        '<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>InvalidClientTokenId</Code>' +
          '<Message>The security token included in the request is invalid.</Message></Error></ErrorResponse>',
        403,
      ),
    };
    await expect(read()).rejects.toThrow('The security token included in the request is invalid.');
  });
});
