export * from './packed-asset';
export * from './training-pipeline';
export * from './training-pipeline-props';
