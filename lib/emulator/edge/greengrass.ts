import { createHash } from 'node:crypto';
import * as fs from 'node:fs/promises';
import * as os from 'node:os';
import * as path from 'node:path';
import { parseS3Location } from '../account/s3-location';
import type { RolloutAbort, RolloutRate } from '../../edge/decide/rollout';
import type { EngineClient } from '../engine/engine-client';
import { ServiceError } from '../http/service-error';
import type { DeployedComponents, DeploymentDocument } from './core-device';
import { parseRecipe, type Recipe } from './recipe';

/** Deployment to a thing group. */
export interface GroupDeployment extends DeploymentDocument {
  readonly targetArn: string;
  readonly deploymentName?: string;
  /** Speed at which devices of the group are notified. */
  readonly rollout: RolloutRate;
  /** Share of failed devices at which it is cancelled; undefined for a deployment that goes on whatever fails. */
  readonly abort?: RolloutAbort;
}

/** Component versions, deployments and role aliases of the account, as Greengrass and AWS IoT keep them. */
export class Greengrass {
  private readonly recipes = new Map<string, Recipe>();
  private readonly deployments = new Map<string, GroupDeployment>();
  private readonly aliases = new Map<string, string>();

  public constructor(private readonly engine: EngineClient) {}

  /** Creates a version of a component: its artifacts must be there, and their digests become part of the recipe. */
  public async createComponentVersion(text: string): Promise<Recipe> {
    const recipe = parseRecipe(text);
    const key = versionKey(recipe.ComponentName, recipe.ComponentVersion);
    if (this.recipes.has(key)) {
      throw new ServiceError('ConflictException', `${key} exists already; a version of a component never changes`);
    }
    for (const artifact of recipe.Manifests.flatMap(({ Artifacts }) => Artifacts)) {
      Object.assign(artifact, { Digest: await this.digestOf(artifact.URI), Algorithm: 'SHA-256' });
    }
    this.recipes.set(key, recipe);
    return recipe;
  }

  public deleteComponentVersion(name: string, version: string): void {
    this.recipes.delete(versionKey(name, version));
  }

  /** Recipe of a version; throws where there is none. */
  public recipeOf(name: string, version: string): Recipe {
    const recipe = this.recipes.get(versionKey(name, version));
    if (recipe !== undefined) return recipe;
    throw new ServiceError('ResourceNotFoundException', `${versionKey(name, version)} does not exist`);
  }

  /** Creates the deployment of a thing group, in place of the one before. */
  public createDeployment(deployment: GroupDeployment): void {
    for (const [name, { componentVersion }] of Object.entries(deployment.components)) {
      if (!name.startsWith('aws.greengrass.')) this.recipeOf(name, componentVersion);
    }
    this.deployments.set(deployment.deploymentId, deployment);
  }

  public hasDeployment(deploymentId: string): boolean {
    return this.deployments.has(deploymentId);
  }

  public deleteDeployment(deploymentId: string): void {
    this.deployments.delete(deploymentId);
  }

  /** Latest deployment of a thing group; undefined without one. */
  public deploymentOf(targetArn: string): GroupDeployment | undefined {
    return [...this.deployments.values()].filter((one) => one.targetArn === targetArn).at(-1);
  }

  public setRoleAlias(name: string, roleArn: string): void {
    this.aliases.set(name, roleArn);
  }

  public deleteRoleAlias(name: string): void {
    this.aliases.delete(name);
  }

  /** Role of an alias; throws where there is none. */
  public roleOf(alias: string): string {
    const roleArn = this.aliases.get(alias);
    if (roleArn !== undefined) return roleArn;
    throw new ServiceError('ResourceNotFoundException', `there is no role alias ${alias}`);
  }

  private async digestOf(uri: string): Promise<string> {
    const { bucket, key } = parseS3Location(uri);
    const folder = await fs.mkdtemp(path.join(os.tmpdir(), 'tidegate-artifact-'));
    try {
      const file = path.join(folder, 'artifact');
      await this.engine.download(bucket, key, file);
      return createHash('sha256')
        .update(await fs.readFile(file))
        .digest('base64');
    } catch (error) {
      throw new ServiceError('ValidationException', `the artifact ${uri} cannot be read: ${(error as Error).message}`);
    } finally {
      await fs.rm(folder, { recursive: true, force: true });
    }
  }
}

const versionKey = (name: string, version: string): string => `${name}:${version}`;

interface PropertiesOfComponent {
  readonly ComponentVersion: string;
  readonly ConfigurationUpdate?: { readonly Merge?: string; readonly Reset?: readonly string[] };
}

/** Components of a deployment in CloudFormation's form. */
export function deployedComponents(components: { readonly [name: string]: PropertiesOfComponent }): DeployedComponents {
  return Object.fromEntries(
    Object.entries(components).map(([name, { ComponentVersion, ConfigurationUpdate: update }]) => [
      name,
      {
        componentVersion: ComponentVersion,
        ...(update !== undefined && {
          configurationUpdate: {
            reset: update.Reset ?? [],
            merge: JSON.parse(update.Merge ?? '{}') as { readonly [name: string]: unknown },
          },
        }),
      },
    ]),
  );
}
