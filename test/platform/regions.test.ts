import { App } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { SKLEARN_IMAGE } from '../../lib/catalog/image-accounts';
import { servingImage } from '../../lib/catalog/serving-images';
import { PlatformStack, type StageConfiguration } from '../../lib/platform';
import { checkStageConfiguration, stageConfiguration } from '../../lib/platform/stages';

/** A stage whose prices are given, so that only the images depend on the region. */
const priced: StageConfiguration = {
  ...stageConfiguration('dev'),
  pricesPerHourUsd: { 'ml.g5.xlarge': 1.6, 'ml.g6.xlarge': 1.3 },
};
const { trainingInstanceTypes: _types, ...withoutTraining } = priced;
const COMMERCIAL = Object.keys(servingImage('triton').accounts);

const templateOf = (stage: StageConfiguration): string =>
  JSON.stringify(Template.fromStack(new PlatformStack(new App(), 'Tidegate-dev', { stage })).toJSON());

describe('a stage without training', () => {
  test.each(COMMERCIAL)('has all it needs in %s', (region) => {
    expect(checkStageConfiguration({ ...withoutTraining, region })).toEqual([]);
  });

  test('has no training pipeline, no output of one and no job to meter', () => {
    const stack = new PlatformStack(new App(), 'Tidegate-dev', { stage: withoutTraining });
    const template = Template.fromStack(stack);
    expect(stack.platform.training).toBeUndefined();
    template.resourceCountIs('AWS::StepFunctions::StateMachine', 0);
    expect(Object.keys(template.findOutputs('*'))).not.toContain('TrainingStateMachineArn');
    expect(JSON.stringify(template.toJSON())).not.toMatch(/training-job|ListTrainingJobs/);
  });

  test.each([
    ['trainDaily', { trainDaily: true }],
    ['trainingImage', { trainingImage: '111122223333.dkr.ecr.us-east-1.amazonaws.com/mine:1' }],
  ])('has no use for %s, which is refused', (property, settings) => {
    expect(checkStageConfiguration({ ...withoutTraining, ...settings })).toEqual([
      expect.stringMatching(new RegExp(`^${property} .* has no effect without training; give trainingInstanceTypes`)),
    ]);
  });
});

describe('a stage with training', () => {
  test.each(COMMERCIAL.filter((region) => region in SKLEARN_IMAGE.accounts))('has all it needs in %s', (region) => {
    expect(checkStageConfiguration({ ...priced, region })).toEqual([]);
  });

  test.each(['eu-west-3', 'ap-southeast-2', 'eu-south-1'])('names the images of %s', (region) => {
    const template = templateOf({ ...priced, region });
    expect(template).toContain(
      `${SKLEARN_IMAGE.accounts[region]}.dkr.ecr.${region}.amazonaws.com/sagemaker-scikit-learn:`,
    );
    expect(template).toContain(
      `${servingImage('triton').accounts[region]}.dkr.ecr.${region}.amazonaws.com/sagemaker-tritonserver:`,
    );
    expect(template).not.toContain('us-east-1');
  });

  test.each(COMMERCIAL.filter((region) => !(region in SKLEARN_IMAGE.accounts)))(
    'is refused in %s, where AWS lists no training image, with the regions and both ways out',
    (region) => {
      expect(checkStageConfiguration({ ...priced, region })).toEqual([
        expect.stringMatching(
          /^AWS lists no image sagemaker-scikit-learn:1\.4-2-py312 for region '\S+' \(listed: af-south-1, .*\); give trainingImage, .* or leave trainingInstanceTypes out$/,
        ),
      ]);
      const trainingImage = `111122223333.dkr.ecr.${region}.amazonaws.com/sklearn:1`;
      expect(checkStageConfiguration({ ...priced, region, trainingImage })).toEqual([]);
    },
  );
});

describe.each([
  ['cn-north-1', 'amazonaws.com.cn'],
  ['us-gov-west-1', 'amazonaws.com'],
])('a stage in %s, where AWS lists no Triton image', (region, suffix) => {
  test('is refused with the listed regions and the way out', () => {
    expect(checkStageConfiguration({ ...priced, region })).toEqual([
      expect.stringMatching(
        new RegExp(
          `^AWS lists no image sagemaker-tritonserver:26.05-py3 for region '${region}' \\(listed: .*give servingImage`,
        ),
      ),
    ]);
  });

  test('serves and trains with the images it is given, by the same driver', () => {
    const servingImageUri = `111122223333.dkr.ecr.${region}.${suffix}/triton:26.05`;
    const template = templateOf({ ...priced, region, servingImage: servingImageUri });
    expect(template.split(servingImageUri)).toHaveLength(3); // endpoint, and the state that registers a trained model
    expect(template).toContain(`${SKLEARN_IMAGE.accounts[region]}.dkr.ecr.${region}.${suffix}/sagemaker-scikit-learn:`);
    expect(template).toContain('"SAGEMAKER_TRITON_DEFAULT_MODEL_NAME":"service_time"');
    expect(template).toContain(servingImage('triton').inferenceAmi);
    expect(template).not.toContain('arn:aws:');
  });
});

test('a region without prices is refused with properties of the stage to paste, for hosting and training together', () => {
  const problems = checkStageConfiguration({ ...stageConfiguration('dev'), region: 'eu-west-1' });
  expect(problems.filter((problem) => problem.startsWith('no hosting price is known'))).toHaveLength(2);
  expect(problems.filter((problem) => problem.startsWith('give pricesPerHourUsd'))).toEqual([
    expect.stringContaining(
      "give pricesPerHourUsd: { 'ml.g5.xlarge': USD_PER_HOUR, 'ml.g6.xlarge': USD_PER_HOUR } with the prices of eu-west-1",
    ),
  ]);
});
