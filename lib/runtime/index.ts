export * from './handler-function';
