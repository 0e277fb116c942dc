export * from './ingestion-props';
export * from './kafka-ingestion';
export * from './kafka-ingestion-props';
export * from './kafka-source';
export * from './msk-cluster';
export * from './record-field';
export * from './stream-ingestion';
export * from './stream-ingestion-props';
