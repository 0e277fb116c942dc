export * from './compression-pipeline';
export * from './compression-pipeline-props';
export * from './compression-technique';
export * from './language-model-compression';
export * from './language-model-props';
