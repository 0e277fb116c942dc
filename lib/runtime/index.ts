export * from './invocable-endpoint';
export * from './asynchronous-endpoint';
