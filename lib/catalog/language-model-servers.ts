/** Schema in which a server takes a prompt that is no chat: LMI's own, or the completions of OpenAI. */
export type PromptSchemaName = 'lmi' | 'openai';

/** Server of language models, as its image is built. */
export interface LanguageModelServer {
  /** Command of the image, which follows SageMaker's contract of inference containers. */
  readonly command: readonly string[];
  readonly promptSchema: PromptSchemaName;
}

/**
 * Servers by the name of the repository of their image. Sources: `serving/docker/lmi.Dockerfile` of deepjavalibrary/djl-serving, whose other command,
 * `train`, partitions a model; `docker/vllm/Dockerfile.amzn2023` of aws/deep-learning-containers, target `vllm-sagemaker-amzn2023`. As of 2026-08.
 */
const SERVERS: { readonly [repository: string]: LanguageModelServer } = {
  'djl-inference': { command: ['/usr/local/bin/dockerd-entrypoint.sh', 'serve'], promptSchema: 'lmi' },
  vllm: { command: ['/usr/local/bin/sagemaker_entrypoint.sh'], promptSchema: 'openai' },
};

/** Returns the server of an image by the repository in its URI; undefined for one that is not known. */
export function languageModelServer(imageUri: string): LanguageModelServer | undefined {
  const [, repository = ''] = /\/([^/:@]+)(?:[:@].*)?$/.exec(imageUri) ?? [];
  return Object.hasOwn(SERVERS, repository) ? SERVERS[repository] : undefined;
}
