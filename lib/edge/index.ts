export * from './edge-fleet';
export * from './edge-fleet-props';
export * from './edge-model';
export * from './edge-rollout';
