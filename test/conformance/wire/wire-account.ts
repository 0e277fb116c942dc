import { RegisterScalableTargetCommand, type SuspendedState } from '@aws-sdk/client-application-auto-scaling';
import {
  CreateEndpointCommand,
  CreateEndpointConfigCommand,
  UpdateEndpointWeightsAndCapacitiesCommand,
} from '@aws-sdk/client-sagemaker';
import type { EpochSeconds } from '../../../lib/core/time';
import type { AccountSnapshot } from '../../../lib/emulator';
import { createModel, describeEndpoint, EmulatedAccount, VARIANT_DIMENSION } from '../../support/emulated-account';

/** One sample put into the engine's CloudWatch, which forwards it to the emulator. */
export interface Sample {
  readonly metricName: string;
  readonly atSeconds: EpochSeconds;
  readonly value: number;
}

/** The metrics of the vectors. */
export const NAMESPACE = 'Walk';

/** The emulator behind its HTTP API, on a clock moved by hand; instances are in service at once. */
export class WireAccount {
  private constructor(public readonly account: EmulatedAccount) {}

  public static async start(startSeconds: EpochSeconds): Promise<WireAccount> {
    const endpointProvisioning = { medianSeconds: 0, sigma: 0 };
    const account = await EmulatedAccount.start({ endpointProvisioning }, startSeconds);
    await createModel(account);
    return new WireAccount(account);
  }

  /** Moves forward to a moment, and returns the state over HTTP. */
  public async goTo(atSeconds: EpochSeconds): Promise<AccountSnapshot> {
    await this.account.advanceTo(atSeconds);
    const reply = await fetch(`${this.account.emulator.url}/snapshot`);
    return (await reply.json()) as AccountSnapshot;
  }

  /** An endpoint with a number of instances; only an asynchronous one can have none. */
  public async createEndpoint(name: string, instances: number, canBeZero: boolean): Promise<void> {
    const { sageMaker } = this.account;
    await sageMaker.send(
      new CreateEndpointConfigCommand({
        EndpointConfigName: name,
        ProductionVariants: [
          {
            VariantName: 'gpu',
            ModelName: 'model',
            InstanceType: 'ml.g5.xlarge',
            InitialInstanceCount: Math.max(1, instances),
          },
        ],
        ...(canBeZero && { AsyncInferenceConfig: { OutputConfig: { S3OutputPath: 's3://answers/out' } } }),
      }),
    );
    await sageMaker.send(new CreateEndpointCommand({ EndpointName: name, EndpointConfigName: name }));
    if (instances > 0) return;
    const DesiredWeightsAndCapacities = [{ VariantName: 'gpu', DesiredInstanceCount: 0 }];
    await sageMaker.send(
      new UpdateEndpointWeightsAndCapacitiesCommand({ EndpointName: name, DesiredWeightsAndCapacities }),
    );
  }

  public async register(
    endpointName: string,
    MinCapacity: number,
    MaxCapacity: number,
    SuspendedState?: SuspendedState,
  ): Promise<void> {
    await this.account.scaling.send(
      new RegisterScalableTargetCommand({ ...targetOf(endpointName), MinCapacity, MaxCapacity, SuspendedState }),
    );
  }

  public async putSamples(samples: readonly Sample[]): Promise<void> {
    const { status } = await this.account.post(
      '/hooks/metrics',
      samples.map(({ metricName, atSeconds, value }) => ({
        namespace: NAMESPACE,
        metricName,
        dimensions: {},
        atSeconds,
        sum: value,
        sampleCount: 1,
        minimum: value,
        maximum: value,
      })),
    );
    if (status !== 200) throw new Error(`the metrics were refused with status ${status}`);
  }

  /** Desired instances, all of them in service. */
  public async capacity(endpointName: string): Promise<number> {
    const { ProductionVariants, EndpointStatus } = await describeEndpoint(this.account, endpointName);
    const { CurrentInstanceCount, DesiredInstanceCount } = ProductionVariants![0]!;
    if (EndpointStatus !== 'InService' || CurrentInstanceCount !== DesiredInstanceCount) {
      throw new Error(
        `${endpointName} is ${EndpointStatus} with ${CurrentInstanceCount} of ${DesiredInstanceCount} instances`,
      );
    }
    return DesiredInstanceCount!;
  }

  public stop(): Promise<void> {
    return this.account.stop();
  }
}

export const targetOf = (endpointName: string) =>
  ({
    ServiceNamespace: 'sagemaker',
    ResourceId: `endpoint/${endpointName}/variant/gpu`,
    ScalableDimension: VARIANT_DIMENSION,
  }) as const;
