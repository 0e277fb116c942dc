export { ApplicationAutoScaling, type ApplicationAutoScalingOptions } from './service';
export { AutoScalingError, type AutoScalingErrorName } from './errors';
export { callApplicationAutoScaling, type ServiceReply } from './wire';
export type {
  PutScalingPolicyRequest,
  PutScheduledActionRequest,
  RegisterScalableTargetRequest,
  ScalableFleet,
  ScalableTarget,
  ScaledToMaxEvent,
  ScalingActivityDescription,
  ScalingPolicyDescription,
  ScheduledActionDescription,
  StoredScalingPolicy,
  TargetKey,
} from './types';
