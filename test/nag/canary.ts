import * as fs from 'node:fs';
import * as path from 'node:path';
import { CfnResource, Stack, Validations } from 'aws-cdk-lib';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import * as sns from 'aws-cdk-lib/aws-sns';
import { projectDirectory } from '../architecture/imports';
import { synthesise } from './synthesis';

describe('the checks', () => {
  test('fail a stack with an open topic', () => {
    const { error, violations } = synthesise((app) => {
      const stack = new Stack(app, 'Bad');
      new sns.Topic(stack, 'Topic');
      return stack;
    });
    expect(error).toContain('does not require publishers to use SSL');
    expect(violations.map(({ ruleName }) => ruleName)).toContain('AwsSolutions-SNS3');
  });

  test('fail the sibling of a construct whose finding is acknowledged', () => {
    const { error, violations, acknowledged } = synthesise((app) => {
      const stack = new Stack(app, 'Bad');
      const excused = new sns.Topic(stack, 'Excused');
      new sns.Topic(stack, 'Sibling');
      Validations.of(excused).acknowledge({ id: 'AwsSolutions::AwsSolutions-SNS3', reason: 'Only for this test.' });
      return stack;
    });
    expect(error).toContain('does not require publishers to use SSL');
    const rules = violations.filter(({ ruleName }) => ruleName === 'AwsSolutions-SNS3');
    const paths = rules.flatMap(({ violatingConstructs }) => violatingConstructs.map((one) => one.constructPath));
    expect(paths).toEqual(['Bad/Sibling/Resource']);
    expect(acknowledged.map(({ acknowledgedAt }) => acknowledgedAt)).toEqual(['Bad/Excused']);
  });

  test('fail a template that CloudFormation would refuse', () => {
    const { error, violations } = synthesise((app) => {
      const stack = new Stack(app, 'Bad');
      new CfnResource(stack, 'Queue', { type: 'AWS::SQS::Queue', properties: { DelaySeconds: 99_999 } });
      return stack;
    });
    expect(error).toContain('greater than the maximum of 900');
    expect(violations).toHaveLength(1);
  });

  test('fail a template that CloudFormation would only warn about', () => {
    const { error, violations } = synthesise((app) => {
      const stack = new Stack(app, 'Bad');
      new CfnResource(stack, 'Function', {
        type: 'AWS::Lambda::Function',
        properties: {
          Role: 'arn:aws:iam::123456789012:role/any',
          Runtime: lambda.Runtime.NODEJS_16_X.name,
          Handler: 'index.handler',
          Code: { ZipFile: 'exports.handler = 1' },
        },
      });
      return stack;
    });
    expect(error).toContain('nodejs16.x');
    expect(violations.map(({ severity }) => severity)).toEqual(['warning']);
  });
});

/** Every TypeScript file below some folders of the project. */
function sources(...folders: string[]): string[] {
  return folders.flatMap((folder) =>
    fs
      .readdirSync(path.join(projectDirectory, folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
      .map((entry) => path.join(entry.parentPath, entry.name)),
  );
}

describe('acknowledgements in the source', () => {
  const calls = sources('lib', 'bin').flatMap((file) =>
    [...fs.readFileSync(file, 'utf8').matchAll(/\.acknowledge\(([^]*?)\);/g)].map(([, body]) => ({
      file,
      body: body!,
    })),
  );

  test('exist', () => {
    expect(calls.length).toBeGreaterThan(0);
  });

  test('carry the name of their pack: a bare id would hide a finding without a trace', () => {
    for (const { file, body } of calls)
      expect({ file, body }).toEqual({
        file,
        body: expect.stringMatching(/id: [`'](AwsSolutions|CloudFormation-Validate|\$\{pack\}::\$\{pack\}-)/),
      });
  });

  test('are not made in the old way', () => {
    const old = sources('lib', 'bin').filter((file) => fs.readFileSync(file, 'utf8').includes('NagSuppressions'));
    expect(old).toEqual([]);
  });
});
