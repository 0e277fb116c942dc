export * from './compression-pipeline';
export * from './compression-pipeline-props';
export * from './compression-technique';
