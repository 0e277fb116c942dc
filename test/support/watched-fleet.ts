import type { WatchedFleet } from '../../lib/scaling/contract';

/** The one variant of the endpoint `chat`, as ScaleEvents watches it. */
export const CHAT_FLEET: WatchedFleet = {
  resourceId: 'endpoint/chat/variant/main',
  scalableDimension: 'sagemaker:variant:DesiredInstanceCount',
  serviceNamespace: 'sagemaker',
  fleetName: 'chat',
  initialCapacity: 1,
  hasState: true,
};
