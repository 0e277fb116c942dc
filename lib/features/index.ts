export * from './emr-release';
export * from './spark-pipeline';
export * from './spark-pipeline-props';
