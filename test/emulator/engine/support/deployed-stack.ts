import * as fs from 'node:fs';
import * as path from 'node:path';
import { App, DefaultStackSynthesizer, Stack } from 'aws-cdk-lib';
import { CreateStackCommand, DescribeStackEventsCommand, DescribeStacksCommand } from '@aws-sdk/client-cloudformation';
import { CreateBucketCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { LOCAL_REGION, localCredentials } from '../../../../lib/emulator/credentials';
import { eventually, type LocalAws } from './local-aws';
import { zipOf } from './zip';

const ASSETS = 'assets';

/** Returns an empty stack of the local account, for {@link deployStack}. */
export function localStack(name: string): Stack {
  return new Stack(new App(), name, {
    env: { account: localCredentials.accessKeyId, region: LOCAL_REGION },
    synthesizer: new DefaultStackSynthesizer({ fileAssetsBucketName: ASSETS, generateBootstrapVersionRule: false }),
  });
}

/** Deploys a stack with the bundles of its handlers, and returns its outputs. */
export async function deployStack(aws: LocalAws, stack: Stack): Promise<Map<string, string>> {
  const assembly = (stack.node.root as App).synth();
  const { template } = assembly.getStackByName(stack.stackName) as { template: object };
  const manifest = JSON.parse(
    fs.readFileSync(path.join(assembly.directory, `${stack.artifactId}.assets.json`), 'utf8'),
  ) as {
    files: Record<string, { source: { path: string }; destinations: Record<string, { objectKey: string }> }>;
  };
  await aws.s3.send(new CreateBucketCommand({ Bucket: ASSETS }));
  for (const { source, destinations } of Object.values(manifest.files)) {
    const bundle = path.join(assembly.directory, source.path, 'index.js');
    if (!fs.existsSync(bundle)) continue;
    for (const { objectKey: Key } of Object.values(destinations)) {
      const Body = zipOf('index.js', fs.readFileSync(bundle, 'utf8'));
      await aws.s3.send(new PutObjectCommand({ Bucket: ASSETS, Key, Body }));
    }
  }
  const { stackName: StackName } = stack;
  await aws.cloudFormation.send(new CreateStackCommand({ StackName, TemplateBody: JSON.stringify(template) }));
  const deployed = await eventually(
    async () => (await aws.cloudFormation.send(new DescribeStacksCommand({ StackName }))).Stacks![0]!,
    ({ StackStatus }) => !StackStatus!.endsWith('_IN_PROGRESS'),
  );
  if (deployed.StackStatus !== 'CREATE_COMPLETE') {
    const { StackEvents } = await aws.cloudFormation.send(new DescribeStackEventsCommand({ StackName }));
    throw new Error(JSON.stringify(StackEvents!.map((event) => event.ResourceStatusReason)));
  }
  return new Map((deployed.Outputs ?? []).map(({ OutputKey, OutputValue }) => [OutputKey!, OutputValue!]));
}
