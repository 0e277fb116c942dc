import { dependentPermissions } from '../../catalog/dependent-permissions';
import { instancePrice, type PriceOverride } from '../../catalog/prices';
import { provisioningActions, SCALING_SERVICE_ROLE_NAME } from '../../catalog/provisioning-actions';
import { SCALABLE_DIMENSIONS } from '../../catalog/scalable-resource';
import { instanceQuotaName, UNRESERVED_CONCURRENCY, type QuotaUse } from '../../catalog/service-quotas';
import { InputError } from '../../core/errors';
import type { AccountFacts, AccountNeeds, Fact, FleetNeed, TrainingNeed } from '../contract';

/** Outcome of one check: `unknown` where the account could not be asked, `warning` for what fails only in some situation. */
export type CheckStatus = 'ok' | 'warning' | 'fails' | 'unknown';

/** One row of the report. */
export interface CheckRow {
  readonly check: string;
  readonly status: CheckStatus;
  /** Observation, in a sentence. */
  readonly found: string;
  /** Way out; absent where nothing is to be done. */
  readonly remedy?: string;
}

/** Mean hours of a month, as AWS's price calculators count them. */
const HOURS_PER_MONTH = 730;

/** Checks an account and a region against the needs of a deployment. What could not be read is unknown, and never passes. */
export function checkAccount(
  needs: AccountNeeds,
  facts: AccountFacts,
  options: { readonly region: string; readonly prices?: readonly PriceOverride[] },
): CheckRow[] {
  return [
    ...checkBootstrap(needs, facts),
    ...checkHosting(needs.fleets, facts, options.region),
    ...checkTraining(needs.training, facts, options.region),
    ...checkLambda(needs, facts),
    ...checkScalingRole(needs, facts),
    ...checkImages(needs, facts),
    ...checkPermissions(needs, facts),
    ...checkCost(needs, options.region, options.prices ?? []),
    ...needs.unknown.map((found): CheckRow => ({ check: 'templates', status: 'unknown', found })),
  ];
}

/** Row of a fact that could not be read. */
function unread(check: string, fact: Extract<Fact<unknown>, { readonly kind: 'unknown' }>): CheckRow {
  return {
    check,
    status: 'unknown',
    found: fact.reason,
    remedy: `allow ${fact.action} for whoever runs the check, or look it up in the console`,
  };
}

function checkBootstrap(
  { bootstrap }: AccountNeeds,
  { accountId, region, bootstrapVersion }: AccountFacts,
): CheckRow[] {
  if (bootstrap === undefined) return [];
  const check = 'CDK bootstrap';
  if (bootstrapVersion.kind === 'unknown') return [unread(check, bootstrapVersion)];
  const version = bootstrapVersion.value;
  const remedy = `npx cdk bootstrap aws://${accountId}/${region}`;
  if (version === null) {
    return [
      {
        check,
        status: 'fails',
        found: `${bootstrap.parameterName} does not exist: the region is not bootstrapped`,
        remedy,
      },
    ];
  }
  const found = `version ${version}; the templates need ${bootstrap.minimumVersion}`;
  return version >= bootstrap.minimumVersion
    ? [{ check, status: 'ok', found }]
    : [{ check, status: 'fails', found, remedy }];
}

/** Quotas by use and type that no endpoint of the account, and no fleet, has taken yet. */
class Remaining {
  private readonly taken = new Map<string, number>();

  public constructor(
    private readonly quotas: ReadonlyMap<string, number>,
    private readonly hosted: ReadonlyMap<string, number>,
  ) {
    for (const [instanceType, count] of hosted) this.take(instanceType, 'endpoint', count);
  }

  /** Instances of a type that run already. */
  public running(instanceType: string): number {
    return this.hosted.get(instanceType) ?? 0;
  }

  public of(instanceType: string, use: QuotaUse): number | undefined {
    const name = instanceQuotaName(instanceType, use);
    const quota = this.quotas.get(name);
    return quota === undefined ? undefined : Math.max(0, quota - (this.taken.get(name) ?? 0));
  }

  public take(instanceType: string, use: QuotaUse, count: number): void {
    const name = instanceQuotaName(instanceType, use);
    this.taken.set(name, (this.taken.get(name) ?? 0) + count);
  }
}

function checkHosting(
  fleets: readonly FleetNeed[],
  { quotas, hosted }: Pick<AccountFacts, 'quotas' | 'hosted'>,
  region: string,
): CheckRow[] {
  if (fleets.length === 0) return [];
  if (quotas.kind === 'unknown') return [unread('quotas of hosting', quotas)];
  const remaining = new Remaining(quotas.value, hosted.kind === 'known' ? hosted.value : new Map());
  const rows = fleets.map((fleet) => checkFleet(fleet, remaining, region));
  return hosted.kind === 'known' ? rows : [...rows, unread('endpoints that use the quotas already', hosted)];
}

/** Checks one fleet. Its types fill in for each other, so their quotas count together. */
function checkFleet(fleet: FleetNeed, remaining: Remaining, region: string): CheckRow {
  const check = `instances of ${fleet.fleet}`;
  const { instanceTypes, initial, maximum, rolloutExtra } = fleet;
  const rooms = instanceTypes.map((type) => ({ type, room: remaining.of(type, 'endpoint') }));
  const missing = rooms.filter(({ room }) => room === undefined).map(({ type }) => instanceQuotaName(type, 'endpoint'));
  if (missing.length > 0) {
    return {
      check,
      status: 'unknown',
      found: `Service Quotas lists no quota '${missing.join("', '")}' in ${region}: SageMaker may not offer the type there`,
      remedy: 'choose another type or region',
    };
  }
  if (initial === null || maximum === null || rolloutExtra === null) {
    return { check, status: 'unknown', found: 'its numbers of instances are decided by the deployment' };
  }
  const room = rooms.reduce((total, one) => total + one.room!, 0);
  let left = maximum;
  for (const one of rooms) {
    const used = Math.min(left, one.room!);
    remaining.take(one.type, 'endpoint', used);
    left -= used;
  }
  const quotaText = rooms.map((one) => `${one.room} of ${one.type}`).join(' and ');
  const running = instanceTypes
    .map((type) => ({ type, count: remaining.running(type) }))
    .filter(({ count }) => count > 0);
  const beside = running.map(({ type, count }) => `${count} of ${type}`).join(' and ');
  const found =
    `room for ${quotaText} in the quotas 'for endpoint usage'${beside === '' ? '' : `, beside ${beside} that run already`}; ` +
    `starts with ${initial}, scales to ${maximum}`;
  const wanted = maximum + rolloutExtra + remaining.running(instanceTypes[0]!);
  const remedy = `raise '${instanceQuotaName(instanceTypes[0]!, 'endpoint')}' to ${wanted} in Service Quotas (${region})`;
  if (room < initial) return { check, status: 'fails', found: `${found}: the deployment fails`, remedy };
  if (room < maximum) return { check, status: 'fails', found: `${found}: scaling stops at ${room}`, remedy };
  if (room < maximum + rolloutExtra) {
    return {
      check,
      status: 'warning',
      found: `${found}: an update while all ${maximum} run needs ${rolloutExtra} more and would be rolled back`,
      remedy,
    };
  }
  return { check, status: 'ok', found };
}

/**
 * Checks the alternatives of each state machine: the job runs on the first that has room, so one is enough. Jobs in progress leave their room
 * again, so a quota that they use up is a warning.
 */
function checkTraining(
  training: readonly TrainingNeed[],
  { quotas, training: inProgress }: Pick<AccountFacts, 'quotas' | 'training'>,
  region: string,
): CheckRow[] {
  if (training.length === 0) return [];
  if (quotas.kind === 'unknown') return [unread('quotas of training', quotas)];
  const used = inProgress.kind === 'known' ? inProgress.value : new Map<string, number>();
  const rows = [...new Set(training.map(({ stateMachine }) => stateMachine))].map((stateMachine): CheckRow => {
    const check = `training by ${stateMachine}`;
    const alternatives = training
      .filter((one) => one.stateMachine === stateMachine)
      .map(({ instanceType, use, instances }) => {
        const name = instanceQuotaName(instanceType, use);
        return { name, instances, quota: quotas.value.get(name), running: used.get(name) ?? 0 };
      });
    const texts = alternatives.map(({ name, quota, instances, running }) => {
      const details = [
        ...(instances > 1 ? [`needs ${instances}`] : []),
        ...(running > 0 ? [`${running} in use by jobs in progress`] : []),
      ];
      return `${name}: ${quota ?? 'not listed'}${details.length > 0 ? ` (${details.join(', ')})` : ''}`;
    });
    const found = [...new Set(texts)].join('; ');
    const able = alternatives.filter(({ quota, instances }) => quota !== undefined && quota >= instances);
    const first = alternatives[0]!;
    const remedy = (count: number): string => `raise '${first.name}' to ${count} in Service Quotas (${region})`;
    if (able.length === 0)
      return { check, status: 'fails', found: `${found}: no training job can start`, remedy: remedy(first.instances) };
    if (able.length < alternatives.length)
      return { check, status: 'warning', found: `${found}: fewer ways to start`, remedy: remedy(first.instances) };
    if (alternatives.every(({ quota, instances, running }) => quota! - running < instances)) {
      const waiting = `${found}: no training job can start until one of them ends`;
      return { check, status: 'warning', found: waiting, remedy: remedy(first.running + first.instances) };
    }
    return { check, status: 'ok', found };
  });
  return inProgress.kind === 'known'
    ? rows
    : [...rows, unread('training jobs that use the quotas already', inProgress)];
}

function checkLambda({ reservedConcurrency, streamConcurrency }: AccountNeeds, { lambda }: AccountFacts): CheckRow[] {
  const check = 'concurrency of Lambda';
  if (reservedConcurrency === 0 && streamConcurrency === 0) return [];
  if (lambda.kind === 'unknown') return [unread(check, lambda)];
  const { concurrentExecutions, unreserved } = lambda.value;
  const found = `${unreserved} of ${concurrentExecutions} concurrent executions are unreserved`;
  const remedy = "raise 'Concurrent executions' of AWS Lambda in Service Quotas";
  if (reservedConcurrency > 0 && unreserved - reservedConcurrency < UNRESERVED_CONCURRENCY) {
    return [
      {
        check,
        status: 'fails',
        found: `${found}; the functions reserve ${reservedConcurrency}, and Lambda keeps ${UNRESERVED_CONCURRENCY} unreserved`,
        remedy,
      },
    ];
  }
  if (streamConcurrency > unreserved) {
    return [{ check, status: 'warning', found: `${found}; the streams use up to ${streamConcurrency}`, remedy }];
  }
  return [
    {
      check,
      status: 'ok',
      found: `${found}; the functions reserve ${reservedConcurrency}, the streams use up to ${streamConcurrency}`,
    },
  ];
}

function checkScalingRole({ hasScaling }: AccountNeeds, { hasScalingRole }: AccountFacts): CheckRow[] {
  if (!hasScaling) return [];
  const check = 'role of Application Auto Scaling';
  if (hasScalingRole.kind === 'unknown') return [unread(check, hasScalingRole)];
  const found = hasScalingRole.value
    ? `${SCALING_SERVICE_ROLE_NAME} exists`
    : `${SCALING_SERVICE_ROLE_NAME} does not exist; the first scalable target creates it, with iam:CreateServiceLinkedRole`;
  return [{ check, status: 'ok', found }];
}

function checkImages({ images }: AccountNeeds, { images: facts }: AccountFacts): CheckRow[] {
  return images.map(({ uri, repository, tag, region }): CheckRow => {
    const check = `image ${repository}:${tag}`;
    const fact = facts.get(uri);
    if (fact === undefined) return { check, status: 'unknown', found: 'the registry was not asked' };
    if (fact.kind === 'unknown') return unread(check, fact);
    if (fact.value) return { check, status: 'ok', found: `found in ${region}` };
    return {
      check,
      status: 'fails',
      found: `not in the registry: ${uri}`,
      remedy: 'give a tag and a region that the registry has',
    };
  });
}

/** Resources of the rows that apply to every deployment; a row on a key or a network needs one in the template. */
const ANY_ARN = Object.fromEntries(
  ['EndpointArn', 'EndpointConfigArn', 'ComponentArn', 'RoleArn', 'ExecutionRoleArn', 'CreatedArn'].map((name) => [
    name,
    ['*'],
  ]),
);

/** Returns the actions that a service checks on the caller of an operation, beside the operation's own. */
function dependentActions(call: string): string[] {
  const checked = [SCALABLE_DIMENSIONS.instanceCount, SCALABLE_DIMENSIONS.copyCount].flatMap((scalableDimension) =>
    dependentPermissions({ call, scalableDimension, cases: ['first-in-account', 'tags'], arns: ANY_ARN }),
  );
  return checked.filter(({ holder }) => holder === 'caller').flatMap(({ actions }) => actions);
}

/** Returns the actions that the deployment of some resource types needs, and the types that are not in the table. */
export function deploymentActions(resourceTypes: readonly string[]): {
  readonly actions: readonly string[];
  readonly unlisted: readonly string[];
} {
  const known = resourceTypes.map((type) => ({ type, actions: provisioningActions(type) }));
  const called = known.flatMap(({ actions }) => actions ?? []);
  return {
    actions: [...new Set([...called, ...called.flatMap(dependentActions)])].sort(),
    unlisted: known.filter(({ actions }) => actions === undefined).map(({ type }) => type),
  };
}

function checkPermissions({ resourceTypes }: AccountNeeds, { permissions }: AccountFacts): CheckRow[] {
  const rows = permissions.flatMap(({ role, denied }): CheckRow[] => {
    const check = `permissions of ${role}`;
    if (denied.kind === 'unknown') return [unread(check, denied)];
    if (denied.value.length === 0) return [{ check, status: 'ok', found: 'every action of the deployment is allowed' }];
    const listed = (isCertain: boolean): string =>
      denied.value
        .filter((denial) => denial.isCertain === isCertain)
        .map(({ action, resource }) => (resource === undefined ? action : `${action} on ${resource}`))
        .join(', ');
    const [refused, undecided] = [listed(true), listed(false)];
    return [
      ...(refused === ''
        ? []
        : [
            {
              check,
              status: 'fails',
              found: `not allowed: ${refused}`,
              remedy: `allow them in the policies of ${role}`,
            } as const,
          ]),
      ...(undecided === ''
        ? []
        : [
            {
              check,
              status: 'unknown',
              found: `not allowed on every resource: ${undecided}`,
              remedy: `look whether a statement of ${role} allows them on resources of this name, which the deployment creates; else allow them`,
            } as const,
          ]),
    ];
  });
  const { unlisted } = deploymentActions(resourceTypes);
  if (unlisted.length === 0) return rows;
  return [
    ...rows,
    {
      check: 'permissions of other types',
      status: 'unknown',
      found: `no actions are known for ${unlisted.join(', ')}`,
      remedy: "look them up in the types' schemas (aws cloudformation describe-type)",
    },
  ];
}

function checkCost({ fleets }: AccountNeeds, region: string, overrides: readonly PriceOverride[]): CheckRow[] {
  if (fleets.length === 0) return [];
  const check = 'cost of the instances';
  let minimumPerMonth = 0;
  let maximumPerHour = 0;
  try {
    for (const { fleet, instanceTypes, minimum, maximum } of fleets) {
      if (minimum === null || maximum === null) {
        return [{ check, status: 'unknown', found: `the limits of ${fleet} are decided by the deployment` }];
      }
      const prices = instanceTypes.map((instanceType) => instancePrice({ instanceType, region, overrides }).usdPerHour);
      minimumPerMonth += minimum * prices[0]! * HOURS_PER_MONTH;
      maximumPerHour += maximum * Math.max(...prices);
    }
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    const remedy = `give --prices FILE, which \`npx tidegate prices update --region ${region}\` writes, or --price TYPE=USD`;
    return [{ check, status: 'unknown', found: error.message, remedy }];
  }
  return [
    {
      check,
      status: 'ok',
      found: `${minimumPerMonth.toFixed(0)} USD a month at the minimum, ${maximumPerHour.toFixed(2)} USD an hour at the maximum`,
    },
  ];
}
