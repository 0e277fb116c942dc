export * from './gpu-endpoint';
export * from './gpu-endpoint-base';
export * from './gpu-endpoint-props';
export * from './model-artifact';
export * from './model-server';
