export * from './model-registry';
export * from './packed-asset';
export * from './training-channel';
export * from './training-network';
export * from './training-pipeline';
export * from './training-pipeline-props';
export * from './training-triggers';
export * from './training-triggers-props';
