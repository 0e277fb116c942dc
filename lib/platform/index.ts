export * from './platform';
export * from './platform-stack';
export * from './stage-configuration';
