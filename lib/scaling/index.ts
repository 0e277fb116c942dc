export * from './capacity-forecaster';
export * from './capacity-forecaster-props';
export * from './fleet-scaling';
export * from './fleet-scaling-props';
export * from './scalable-fleet';
export * from './scale-events';
export * from './server-signal';
