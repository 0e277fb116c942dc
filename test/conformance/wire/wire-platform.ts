import { RegisterScalableTargetCommand, type SuspendedState } from '@aws-sdk/client-application-auto-scaling';
import {
  CreateEndpointCommand,
  CreateEndpointConfigCommand,
  UpdateEndpointWeightsAndCapacitiesCommand,
} from '@aws-sdk/client-sagemaker';
import type { EpochSeconds } from '../../../lib/core/time';
import type { PlatformSnapshot } from '../../../lib/local/sidecar';
import { createModel, describe1, type Platform, startPlatform, VARIANT_DIMENSION } from '../../local/sidecar/platform';
import { HandClock } from './hand-clock';

/** One sample, as the engine tells the sidecar of what was put into its CloudWatch. */
export interface Sample {
  readonly metricName: string;
  readonly atSeconds: EpochSeconds;
  readonly value: number;
}

/** The metrics of the vectors. */
export const NAMESPACE = 'Walk';

/** The sidecar behind its HTTP API, on a clock that is set by hand; instances are in service as soon as they are wanted. */
export class WirePlatform {
  private constructor(
    public readonly platform: Platform,
    private readonly clock: HandClock,
  ) {}

  public static async start(startSeconds: EpochSeconds): Promise<WirePlatform> {
    const clock = new HandClock(startSeconds);
    const platform = await startPlatform(1, { clock, endpointProvisioning: { medianSeconds: 0, sigma: 0 } });
    await createModel(platform);
    return new WirePlatform(platform, clock);
  }

  /** Goes to a moment; the answer of the sidecar shows that everything until then has happened. */
  public async goTo(atSeconds: EpochSeconds): Promise<PlatformSnapshot> {
    this.clock.set(atSeconds);
    const reply = await fetch(`${this.platform.sidecar.url}/snapshot`);
    return (await reply.json()) as PlatformSnapshot;
  }

  /** An endpoint with a number of instances; only an asynchronous one can have none. */
  public async createEndpoint(name: string, instances: number, canBeZero: boolean): Promise<void> {
    const { sageMaker } = this.platform;
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
    await this.platform.scaling.send(
      new RegisterScalableTargetCommand({ ...targetOf(endpointName), MinCapacity, MaxCapacity, SuspendedState }),
    );
  }

  public async putSamples(samples: readonly Sample[]): Promise<void> {
    const { status } = await this.platform.post(
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
    if (status !== 200) throw new Error(`the metrics were answered with ${status}`);
  }

  /** Instances wanted, once they are those in service. */
  public async capacity(endpointName: string): Promise<number> {
    const { ProductionVariants, EndpointStatus } = await describe1(this.platform, endpointName);
    const { CurrentInstanceCount, DesiredInstanceCount } = ProductionVariants![0]!;
    if (EndpointStatus !== 'InService' || CurrentInstanceCount !== DesiredInstanceCount) {
      throw new Error(
        `${endpointName} is ${EndpointStatus} with ${CurrentInstanceCount} of ${DesiredInstanceCount} instances`,
      );
    }
    return DesiredInstanceCount!;
  }

  public stop(): Promise<void> {
    return this.platform.stop();
  }
}

export const targetOf = (endpointName: string) =>
  ({
    ServiceNamespace: 'sagemaker',
    ResourceId: `endpoint/${endpointName}/variant/gpu`,
    ScalableDimension: VARIANT_DIMENSION,
  }) as const;
