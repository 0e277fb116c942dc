export { ApplicationAutoScaling, type ApplicationAutoScalingOptions } from './application-auto-scaling/service';
export { AutoScalingError, type AutoScalingErrorName } from './application-auto-scaling/errors';
export { callApplicationAutoScaling, type ServiceReply } from './application-auto-scaling/wire';
export type {
  PutScalingPolicyRequest,
  PutScheduledActionRequest,
  RegisterScalableTargetRequest,
  ScalableFleet,
  ScalableTarget,
  ScaledToMaxEvent,
  ScalingActivity,
  ScalingPolicyDescription,
  ScheduledActionDescription,
  StoredScalingPolicy,
  TargetKey,
} from './application-auto-scaling/types';
