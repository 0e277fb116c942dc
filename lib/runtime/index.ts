export * from './handler-function';
export * from './invocable-endpoint';
