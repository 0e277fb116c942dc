export { StreamIngestion } from './stream-ingestion';
export { StreamIngestionProps } from './stream-ingestion-props';
