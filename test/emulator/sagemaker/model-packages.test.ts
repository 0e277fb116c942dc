import {
  CreateModelPackageCommand,
  CreateModelPackageGroupCommand,
  DeleteModelPackageCommand,
  DeleteModelPackageGroupCommand,
  DescribeModelPackageCommand,
  DescribeModelPackageGroupCommand,
  ListModelPackageGroupsCommand,
  ListModelPackagesCommand,
  ListTagsCommand,
  UpdateModelPackageCommand,
} from '@aws-sdk/client-sagemaker';
import { EmulatedAccount } from '../../support/emulated-account';

const GROUP = 'arn:aws:sagemaker:us-east-1:123456789012:model-package-group/digits';
const FIRST = 'arn:aws:sagemaker:us-east-1:123456789012:model-package/digits/1';

describe('the model registry', () => {
  let account: EmulatedAccount;

  beforeEach(async () => {
    account = await EmulatedAccount.start();
    const group = {
      ModelPackageGroupName: 'digits',
      ModelPackageGroupDescription: 'Digits',
      Tags: [{ Key: 'a', Value: 'b' }],
    };
    expect(await account.sageMaker.send(new CreateModelPackageGroupCommand(group))).toMatchObject({
      ModelPackageGroupArn: GROUP,
    });
  });

  afterEach(() => account.stop());

  const create = (members: object = {}) =>
    account.sageMaker.send(
      new CreateModelPackageCommand({
        ModelPackageGroupName: 'digits',
        InferenceSpecification: {
          Containers: [{ Image: 'triton', ModelDataUrl: 's3://models/a.tar.gz', Environment: { A: 'b' } }],
          SupportedContentTypes: ['application/json'],
          SupportedResponseMIMETypes: ['application/json'],
        },
        CustomerMetadataProperties: { job: 'job-1', accuracy: '0.9' },
        ...members,
      }),
    );
  const describe1 = () => account.sageMaker.send(new DescribeModelPackageCommand({ ModelPackageName: FIRST }));

  test('numbers the versions of a group, and describes what they were created with', async () => {
    expect((await create()).ModelPackageArn).toBe(FIRST);
    expect((await create()).ModelPackageArn).toBe(FIRST.replace(/1$/, '2'));
    expect(await describe1()).toMatchObject({
      ModelPackageGroupName: 'digits',
      ModelPackageVersion: 1,
      ModelPackageStatus: 'Completed',
      ModelApprovalStatus: 'PendingManualApproval',
      InferenceSpecification: { Containers: [{ Image: 'triton', ModelDataUrl: 's3://models/a.tar.gz' }] },
      CustomerMetadataProperties: { job: 'job-1', accuracy: '0.9' },
    });
    expect(
      await account.sageMaker.send(new DescribeModelPackageGroupCommand({ ModelPackageGroupName: GROUP })),
    ).toMatchObject({ ModelPackageGroupName: 'digits', ModelPackageGroupDescription: 'Digits' });
    expect(await account.sageMaker.send(new ListTagsCommand({ ResourceArn: GROUP }))).toMatchObject({
      Tags: [{ Key: 'a', Value: 'b' }],
    });
    const groups = await account.sageMaker.send(new ListModelPackageGroupsCommand({}));
    expect(groups.ModelPackageGroupSummaryList).toHaveLength(1);
  });

  test('approves and rejects a version, changes its metadata, and publishes each change of its approval', async () => {
    await create();
    await create();
    const update = (members: object) =>
      account.sageMaker.send(new UpdateModelPackageCommand({ ModelPackageArn: FIRST, ...members }));
    await update({
      CustomerMetadataProperties: { accuracy: '0.8', size: '1' },
      CustomerMetadataPropertiesToRemove: ['job'],
    });
    await update({ ModelApprovalStatus: 'Approved', ApprovalDescription: 'good' });
    await update({ ModelApprovalStatus: 'Approved' });
    await update({ ModelApprovalStatus: 'Rejected' });
    expect(await describe1()).toMatchObject({
      ModelApprovalStatus: 'Rejected',
      ApprovalDescription: 'good',
      CustomerMetadataProperties: { accuracy: '0.8', size: '1' },
    });
    const { ModelPackageSummaryList: rejected } = await account.sageMaker.send(
      new ListModelPackagesCommand({ ModelPackageGroupName: 'digits', ModelApprovalStatus: 'Rejected' }),
    );
    expect(rejected!.map(({ ModelPackageArn }) => ModelPackageArn)).toEqual([FIRST]);

    await account.emulator.flush();
    const events = account.engine.events.filter(
      ({ detailType }) => detailType === 'SageMaker Model Package State Change',
    );
    expect(events.map(({ detail }) => [detail['ModelPackageVersion'], detail['ModelApprovalStatus']])).toEqual([
      [1, 'PendingManualApproval'],
      [2, 'PendingManualApproval'],
      [1, 'Approved'],
      [1, 'Rejected'],
    ]);
    expect(events[0]!.detail).toMatchObject({ ModelPackageGroupName: 'digits', ModelPackageArn: FIRST });
  });

  test('deletes no group that has versions', async () => {
    await create();
    const deleteGroup = () =>
      account.sageMaker.send(new DeleteModelPackageGroupCommand({ ModelPackageGroupName: 'digits' }));
    await expect(deleteGroup()).rejects.toThrow('cannot be deleted because it still contains Model Packages');
    await account.sageMaker.send(new DeleteModelPackageCommand({ ModelPackageName: FIRST }));
    await deleteGroup();
    await expect(create()).rejects.toThrow('Model Package Group digits does not exist.');
  });

  test.each<[string, object, string]>([
    ['a long value', { CustomerMetadataProperties: { a: 'x'.repeat(257) } }, 'at most 256 characters'],
    [
      'too many values',
      { CustomerMetadataProperties: Object.fromEntries(Array.from({ length: 51 }, (_, index) => [`k${index}`, 'v'])) },
      'at most 50 entries are allowed',
    ],
    ['an unknown approval', { ModelApprovalStatus: 'Perhaps' }, 'ModelApprovalStatus'],
    ['a version without a model', { InferenceSpecification: { Containers: [] } }, 'Containers'],
    ['a package without versions', { ModelPackageName: 'alone' }, 'is not available in the local engine'],
  ])('refuses %s', async (_, members, message) => {
    await expect(create(members)).rejects.toThrow(message);
  });

  test.each<[string, () => Promise<unknown>, string]>([
    [
      'a group of a taken name',
      () => account.sageMaker.send(new CreateModelPackageGroupCommand({ ModelPackageGroupName: 'digits' })),
      'Model Package Group already exists',
    ],
    ['an unknown version', describe1, `ModelPackage ${FIRST} does not exist.`],
  ])('refuses %s', async (_, call, message) => {
    await expect(call()).rejects.toThrow(message);
  });
});
