export * from './language-model-evaluation';
export * from './live-model';
export * from './model-rollout';
export * from './model-rollout-props';
