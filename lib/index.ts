export * as cost from './cost';
export * as inference from './inference';
export * as ingestion from './ingestion';
export * as monitoring from './monitoring';
export * as platform from './platform';
export * as runtime from './runtime';
export * as scaling from './scaling';
export * as training from './training';
