import {
  DescribeEndpointCommand,
  DescribeInferenceComponentCommand,
  SageMakerClient,
  type SageMakerClientConfig,
} from '@aws-sdk/client-sagemaker';
import type { FleetState, WatchedFleet } from '../../lib/scaling/contract';

/** Reads what fleets are. */
export interface FleetStates {
  /** The state of a fleet that has one to read. */
  read(fleet: WatchedFleet): Promise<FleetState>;
}

/** {@link FleetStates} from SageMaker. */
export function sageMakerFleetStates(configuration: SageMakerClientConfig = {}): FleetStates {
  const client = new SageMakerClient(configuration);
  return {
    async read({ resourceId, fleetName }) {
      const [kind, , , variantName] = resourceId.split('/');
      if (kind === 'inference-component') {
        const { InferenceComponentStatus, RuntimeConfig } = await client.send(
          new DescribeInferenceComponentCommand({ InferenceComponentName: fleetName }),
        );
        return {
          status: InferenceComponentStatus ?? '',
          configName: null,
          desired: RuntimeConfig?.DesiredCopyCount ?? null,
          current: RuntimeConfig?.CurrentCopyCount ?? null,
        };
      }
      const endpoint = await client.send(new DescribeEndpointCommand({ EndpointName: fleetName }));
      const variant = endpoint.ProductionVariants?.find(({ VariantName }) => VariantName === variantName);
      return {
        status: endpoint.EndpointStatus ?? '',
        configName: endpoint.EndpointConfigName ?? null,
        desired: variant?.DesiredInstanceCount ?? null,
        current: variant?.CurrentInstanceCount ?? null,
      };
    },
  };
}
