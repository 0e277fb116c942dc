export * from './record-field';
export * from './stream-ingestion';
export * from './stream-ingestion-props';
