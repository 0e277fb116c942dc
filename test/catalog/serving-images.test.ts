import { RegionInfo } from 'aws-cdk-lib/region-info';
import { accountOfImage, SKLEARN_IMAGE } from '../../lib/catalog/image-accounts';
import { INFERENCE_AMIS, servingImage, servingImageAccount } from '../../lib/catalog/serving-images';

const SERVERS = ['triton', 'vllm', 'djl-lmi', 'huggingface-vllm', 'torchserve', 'tensorflow-serving'];
const images = [...SERVERS.map((server) => servingImage(server)), { server: 'training', ...SKLEARN_IMAGE }];

describe('serving images', () => {
  test('offer Triton with the AMI its CUDA needs', () => {
    const triton = servingImage('triton');
    expect(triton.repository).toBe('sagemaker-tritonserver');
    expect(INFERENCE_AMIS).toContain(triton.inferenceAmi);
  });

  test.each([
    ['triton', 'us-east-1', '763104351884'],
    ['triton', 'eu-south-1', '692866216735'],
    ['triton', 'mx-central-1', '637423239942'],
    ['vllm', 'cn-north-1', '727897471807'],
    ['tensorflow-serving', 'us-gov-west-1', '442386744353'],
  ])('of %s are published in %s by %s', (server, region, account) => {
    expect(servingImageAccount(servingImage(server), region, 'no')).toBe(account);
  });

  test.each([
    ['triton', 'cn-north-1'],
    ['triton', 'us-gov-west-1'],
    ['vllm', 'us-gov-east-1'],
    ['djl-lmi', 'us-gov-west-1'],
    ['triton', 'us-east-9'],
  ])('of %s are refused in %s, where AWS lists none, with the listed regions and the way out', (server, region) => {
    expect(() => servingImageAccount(servingImage(server), region, 'give an account')).toThrow(
      new RegExp(`no image .*for region '${region}' \\(listed: af-south-1, .*us-west-2\\); give an account`),
    );
  });

  test('of unknown servers name what is known', () => {
    expect(() => servingImage('triton2')).toThrow(/known: triton, /);
  });
});

describe('the training image', () => {
  test.each([
    ['us-east-1', '683313688378'],
    ['eu-west-3', '659782779980'],
    ['ap-southeast-2', '783357654285'],
    ['cn-north-1', '450853457545'],
    ['us-gov-west-1', '414596584902'],
  ])('is published in %s by %s', (region, account) => {
    expect(SKLEARN_IMAGE.accounts[region]).toBe(account);
  });

  test('is in 33 regions, which are not all those of the serving images', () => {
    expect(Object.keys(SKLEARN_IMAGE.accounts)).toHaveLength(33);
    const lacking = Object.keys(servingImage('triton').accounts).filter(
      (region) => !(region in SKLEARN_IMAGE.accounts),
    );
    expect(lacking).toEqual(['ap-east-2', 'ap-southeast-5', 'ap-southeast-6', 'ap-southeast-7', 'mx-central-1']);
  });
});

test.each(images)(
  'the accounts of $server have 12 digits and are of regions that the CDK knows',
  ({ accounts, repository }) => {
    for (const [region, account] of Object.entries(accounts)) {
      expect(account).toMatch(/^\d{12}$/);
      expect(accountOfImage(repository, accounts, region, '')).toBe(account);
      expect(RegionInfo.get(region).domainSuffix).toBe(region.startsWith('cn-') ? 'amazonaws.com.cn' : 'amazonaws.com');
    }
    expect(Object.keys(accounts).length).toBeGreaterThanOrEqual(33);
  },
);
