import { z } from 'zod';
import type { Random } from '../../simulation/random';
import { LOCAL_ACCOUNT, LOCAL_REGION } from '../credentials';
import { deployedComponents, type Greengrass, type GroupDeployment } from '../edge/greengrass';
import { decimal, notAvailable, parseWith, wholeNumber } from '../http/schema-parts';
import { generatedName } from './names';
import type { ProvisionedResource, ResourceProvider, ResourceRequest } from './resource-provider';

export interface GreengrassProviderParts {
  readonly greengrass: Greengrass;
  readonly random: Random;
}

const arn = (service: string, resource: string): string =>
  `arn:aws:${service}:${LOCAL_REGION}:${LOCAL_ACCOUNT}:${resource}`;

const componentSchema = z.strictObject({
  InlineRecipe: z.string(),
  LambdaFunction: notAvailable('LambdaFunction'),
  Tags: z.unknown().optional(),
});

/** `AWS::GreengrassV2::ComponentVersion`: every change is another version. */
export class ComponentVersionProvider implements ResourceProvider {
  public constructor(private readonly parts: GreengrassProviderParts) {}

  public async create({ properties }: ResourceRequest): Promise<ProvisionedResource> {
    const { InlineRecipe } = parseWith(componentSchema, properties);
    const { ComponentName, ComponentVersion } = await this.parts.greengrass.createComponentVersion(InlineRecipe);
    const Arn = arn('greengrass', `components:${ComponentName}:versions:${ComponentVersion}`);
    return { physicalId: Arn, attributes: { Arn, ComponentName, ComponentVersion } };
  }

  public async update(request: ResourceRequest): Promise<ProvisionedResource> {
    const isSame = request.properties['InlineRecipe'] === request.previousProperties['InlineRecipe'];
    if (!isSame) return this.create(request);
    const [, ComponentName = '', ComponentVersion = ''] =
      /:components:(.+):versions:(.+)$/.exec(request.physicalId) ?? [];
    return { physicalId: request.physicalId, attributes: { Arn: request.physicalId, ComponentName, ComponentVersion } };
  }

  public async delete({ physicalId }: ResourceRequest): Promise<void> {
    const [, name, version] = /:components:(.+):versions:(.+)$/.exec(physicalId) ?? [];
    if (name !== undefined && version !== undefined) this.parts.greengrass.deleteComponentVersion(name, version);
  }
}

/** Source of the ranges: API reference of CreateDeployment, and of the rollout and abort configurations of AWS IoT jobs. */
const jobConfigurationSchema = z.strictObject({
  JobExecutionsRolloutConfig: z
    .strictObject({
      MaximumPerMinute: wholeNumber(1, 1000).optional(),
      ExponentialRate: z
        .strictObject({
          BaseRatePerMinute: wholeNumber(1, 1000),
          IncrementFactor: decimal(1.1, 5),
          RateIncreaseCriteria: z.strictObject({
            NumberOfNotifiedThings: notAvailable('NumberOfNotifiedThings'),
            NumberOfSucceededThings: wholeNumber(1),
          }),
        })
        .optional(),
    })
    .optional(),
  AbortConfig: z
    .strictObject({
      CriteriaList: z
        .array(
          z.strictObject({
            Action: z.enum(['CANCEL']),
            FailureType: z.enum(['FAILED', 'REJECTED', 'TIMED_OUT', 'ALL']),
            MinNumberOfExecutedThings: wholeNumber(1),
            ThresholdPercentage: decimal(0, 100),
          }),
        )
        .min(1),
    })
    .optional(),
  TimeoutConfig: z.strictObject({ InProgressTimeoutInMinutes: wholeNumber(1, 10_080).optional() }).optional(),
});

/** Devices a minute where a deployment names no rate (API reference of JobExecutionsRolloutConfig). */
const DEFAULT_PER_MINUTE = 1000;

function rolloutOf({
  JobExecutionsRolloutConfig: config,
  AbortConfig: aborting,
}: z.output<typeof jobConfigurationSchema>): Pick<GroupDeployment, 'rollout' | 'abort'> {
  const maxPerMinute = config?.MaximumPerMinute ?? DEFAULT_PER_MINUTE;
  const growth = config?.ExponentialRate;
  // Devices here succeed or fail; none rejects a deployment.
  const failing = aborting?.CriteriaList.find(({ FailureType: type }) => type === 'FAILED' || type === 'ALL');
  return {
    rollout: {
      basePerMinute: growth?.BaseRatePerMinute ?? maxPerMinute,
      maxPerMinute,
      incrementFactor: growth?.IncrementFactor ?? 1,
      increaseAfterSucceeded: growth?.RateIncreaseCriteria.NumberOfSucceededThings ?? 1,
    },
    ...(failing !== undefined && {
      abort: { failedPercentage: failing.ThresholdPercentage, minDevices: failing.MinNumberOfExecutedThings },
    }),
  };
}

const deploymentSchema = z.strictObject({
  TargetArn: z.string(),
  DeploymentName: z.string().optional(),
  ParentTargetArn: notAvailable('ParentTargetArn'),
  Components: z.record(
    z.string(),
    z.strictObject({
      ComponentVersion: z.string(),
      ConfigurationUpdate: z
        .strictObject({ Merge: z.string().optional(), Reset: z.array(z.string()).optional() })
        .optional(),
      RunWith: notAvailable('RunWith'),
    }),
  ),
  DeploymentPolicies: z
    .looseObject({ FailureHandlingPolicy: z.enum(['ROLLBACK', 'DO_NOTHING']).optional() })
    .optional(),
  IotJobConfiguration: jobConfigurationSchema.optional(),
  Tags: z.unknown().optional(),
});

/** `AWS::GreengrassV2::Deployment`: devices of the thing group take it when they ask for it. */
export class DeploymentProvider implements ResourceProvider {
  public constructor(private readonly parts: GreengrassProviderParts) {}

  public async create(request: ResourceRequest): Promise<ProvisionedResource> {
    const { TargetArn, DeploymentName, Components, DeploymentPolicies, IotJobConfiguration } = parseWith(
      deploymentSchema,
      request.properties,
    );
    const digits = (length: number): string =>
      Array.from({ length }, () => this.parts.random.integer(16).toString(16)).join('');
    const deploymentId = [8, 4, 4, 4, 12].map(digits).join('-');
    this.parts.greengrass.createDeployment({
      deploymentId,
      targetArn: TargetArn,
      ...(DeploymentName !== undefined && { deploymentName: DeploymentName }),
      components: deployedComponents(Components),
      failureHandlingPolicy: DeploymentPolicies?.FailureHandlingPolicy ?? 'ROLLBACK',
      ...rolloutOf(IotJobConfiguration ?? {}),
    });
    return { physicalId: deploymentId, attributes: { DeploymentId: deploymentId } };
  }

  /** Another deployment, which takes the place of the former. */
  public async update(request: ResourceRequest): Promise<ProvisionedResource> {
    return this.create(request);
  }

  public async delete({ physicalId }: ResourceRequest): Promise<void> {
    this.parts.greengrass.deleteDeployment(physicalId);
  }
}

const roleAliasSchema = z.strictObject({
  RoleAlias: z.string().optional(),
  RoleArn: z.string(),
  CredentialDurationSeconds: z.number().min(900).max(43_200).optional(),
  Tags: z.unknown().optional(),
});

/** `AWS::IoT::RoleAlias`. */
export class RoleAliasProvider implements ResourceProvider {
  public constructor(private readonly parts: GreengrassProviderParts) {}

  public async create(request: ResourceRequest): Promise<ProvisionedResource> {
    const { RoleAlias, RoleArn } = parseWith(roleAliasSchema, request.properties);
    const name = RoleAlias ?? generatedName(request, this.parts.random);
    this.parts.greengrass.setRoleAlias(name, RoleArn);
    return { physicalId: name, attributes: { RoleAliasArn: arn('iot', `rolealias/${name}`) } };
  }

  public async update(request: ResourceRequest): Promise<ProvisionedResource> {
    return this.create({ ...request, properties: { RoleAlias: request.physicalId, ...request.properties } });
  }

  public async delete({ physicalId }: ResourceRequest): Promise<void> {
    this.parts.greengrass.deleteRoleAlias(physicalId);
  }
}
