export * from './invocable-endpoint';
