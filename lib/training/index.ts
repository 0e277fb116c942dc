export { PackedAsset, PackedAssetProps } from './packed-asset';
export { TrainingPipeline } from './training-pipeline';
export { TrainingPipelineProps } from './training-pipeline-props';
