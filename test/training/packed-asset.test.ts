import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { App, Stack } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import * as iam from 'aws-cdk-lib/aws-iam';
import { PackedAsset } from '../../lib/training';

let outdir: string;
beforeEach(() => {
  outdir = fs.mkdtempSync(path.join(os.tmpdir(), 'tidegate-asset-test-'));
});
afterEach(() => fs.rmSync(outdir, { recursive: true }));

function packed() {
  const stack = new Stack(new App({ outdir }), 'Test', { env: { account: '123456789012', region: 'us-east-1' } });
  return { stack, asset: new PackedAsset(stack, 'Model', { path: PackedAsset.initialModelPath() }) };
}

describe('a packed asset', () => {
  test('lies in the bootstrap bucket under a key that SageMaker takes for an archive', () => {
    const { stack, asset } = packed();
    expect(asset.objectKey).toMatch(/^[0-9a-f]{64}\.tar\.gz$/);
    expect(stack.resolve(asset.s3Uri)).toBe(`s3://cdk-hnb659fds-assets-123456789012-us-east-1/${asset.objectKey}`);
    expect(asset.bucket.bucketName).toBe('cdk-hnb659fds-assets-123456789012-us-east-1');
  });

  test('is published from the assembly, and nothing of it stays in the temporary folder', () => {
    const own = `tidegate-pack-${process.pid}-`;
    const { stack, asset } = packed();
    const assembly = (stack.node.root as App).synth();
    expect(fs.readdirSync(os.tmpdir()).filter((name) => name.startsWith(own))).toEqual([]);
    const manifest = JSON.parse(fs.readFileSync(path.join(assembly.directory, 'Test.assets.json'), 'utf8')) as {
      files: { [id: string]: { source: { path: string }; destinations: { [id: string]: { objectKey: string } } } };
    };
    const file = Object.values(manifest.files).find(({ source }) => source.path.endsWith('.tar.gz'))!;
    expect(Object.values(file.destinations)[0]!.objectKey).toBe(asset.objectKey);
    expect(fs.existsSync(path.join(assembly.directory, file.source.path))).toBe(true);
  });

  test('has the same key in every build of the same sources', () => {
    expect(packed().asset.objectKey).toBe(packed().asset.objectKey);
  });

  test('lets a reader read the archive and nothing else', () => {
    const { stack, asset } = packed();
    const role = new iam.Role(stack, 'Role', { assumedBy: new iam.ServicePrincipal('sagemaker.amazonaws.com') });
    asset.grantRead(role);
    Template.fromStack(stack).hasResourceProperties('AWS::IAM::Policy', {
      PolicyDocument: {
        Statement: [
          {
            Effect: 'Allow',
            Action: 's3:GetObject',
            Resource: {
              'Fn::Join': [
                '',
                ['arn:', { Ref: 'AWS::Partition' }, Match.stringLikeRegexp(`:s3:::cdk-.*/${asset.objectKey}$`)],
              ],
            },
          },
        ],
      },
    });
  });
});
