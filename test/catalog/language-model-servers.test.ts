import { languageModelServer } from '../../lib/catalog/language-model-servers';
import { servingImage } from '../../lib/catalog/serving-images';

const REGISTRY = '763104351884.dkr.ecr.us-east-1.amazonaws.com';

test.each([
  ['djl-lmi', '/usr/local/bin/dockerd-entrypoint.sh', 'lmi'],
  ['vllm', '/usr/local/bin/sagemaker_entrypoint.sh', 'openai'],
])('the published image of %s has a command and a schema', (server, program, promptSchema) => {
  const { repository, tag } = servingImage(server);
  const found = languageModelServer(`${REGISTRY}/${repository}:${tag}`)!;
  expect([found.command[0], found.promptSchema]).toEqual([program, promptSchema]);
  // Copies in other registries and folders, by tag or digest, are the same image.
  const copy = `123456789012.dkr.ecr.eu-west-1.amazonaws.com/copies/${repository}@sha256:${'0'.repeat(64)}`;
  expect(languageModelServer(copy)).toBe(found);
  expect(languageModelServer(`${REGISTRY}/${repository}`)).toBe(found);
});

test.each(['own/server:1', `vllm/server:1`, 'my-vllm:1', 'constructor', ''])('of %j nothing is known', (image) => {
  expect(languageModelServer(`${REGISTRY}/${image}`)).toBeUndefined();
});
