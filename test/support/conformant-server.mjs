/**
 * A small container that fulfils SageMaker's contract, and reads its environment as one of AWS's images documents it:
 * `conformant-server.mjs <image> serve`. A variable that the image does not know, or a value it could not read, ends it with exit code 2.
 * `conformant-server.mjs <image> check` only prints the settings that the image would read from its environment, as JSON.
 *
 * Sources, as of 2026-08: the entry points of vllm and huggingface-vllm in aws/deep-learning-containers; the LMI starting guide, the vLLM
 * user guide and vllm_rb_properties.py in deepjavalibrary/djl-serving; environment.py of aws/sagemaker-inference-toolkit with
 * ts_parameters.py of aws/sagemaker-pytorch-inference-toolkit; serve.py and tfs_utils.py of aws/sagemaker-tensorflow-serving-container;
 * docker/sagemaker/serve of triton-inference-server/server; vLLM's engine arguments.
 */
import * as http from 'node:http';
import * as path from 'node:path';

const PORT = 8080;
/** Variables of every container, for any model. */
const COMMON_VARIABLES = ['PATH', 'HOME', 'LANG', 'PWD', 'SHLVL', '_', 'HOSTNAME', '__CF_USER_TEXT_ENCODING'];

const text = (value) => value !== '';
const whole = (least) => (value) => /^\d+$/.test(value) && Number(value) >= least;
const oneOf =
  (...values) =>
  (value) =>
    values.includes(value);
/** Location of the model: a folder in the container, or a name at Hugging Face. */
const model = (value) => value === '/opt/ml/model' || /^[\w.-]+(\/[\w.-]+)?$/.test(value);
const share = (value) => Number(value) > 0 && Number(value) <= 1;
const bool = oneOf('true', 'false');

const QUANTIZATION = oneOf(
  'awq',
  'awq_marlin',
  'bitsandbytes',
  'compressed-tensors',
  'fp8',
  'gguf',
  'gptq',
  'gptq_marlin',
  'modelopt',
  'mxfp4',
);
const DTYPE = oneOf('auto', 'half', 'float16', 'bfloat16', 'float', 'float32');

/** vLLM's flags, of those that an endpoint sets. */
const VLLM_FLAGS = {
  '--model': model,
  '--max-model-len': (value) => /^(auto|\d+[kKmM]?)$/.test(value),
  '--max-num-seqs': whole(1),
  '--max-num-batched-tokens': whole(1),
  '--tensor-parallel-size': whole(1),
  '--pipeline-parallel-size': whole(1),
  '--quantization': QUANTIZATION,
  '--dtype': DTYPE,
  '--gpu-memory-utilization': share,
  '--kv-cache-dtype': text,
  '--enforce-eager': bool,
  '--enable-prefix-caching': bool,
  '--trust-remote-code': bool,
  '--served-model-name': text,
};

const HUGGING_FACE = { HF_MODEL_ID: model, HF_TOKEN: text };
const SUPERVISOR = { PROCESS_AUTO_RECOVERY: bool, PROCESS_MAX_START_RETRIES: whole(0) };

/** `SM_VLLM_MAX_MODEL_LEN` is the flag `--max-model-len`. */
const vllm = (environment) => {
  const argv = ['--port', String(PORT)];
  if (environment.SM_VLLM_MODEL === undefined && environment.HF_MODEL_ID !== undefined) {
    argv.push('--model', environment.HF_MODEL_ID);
  }
  for (const [name, value] of Object.entries(environment)) {
    if (!name.startsWith('SM_VLLM_')) continue;
    const flag = `--${name.slice('SM_VLLM_'.length).toLowerCase().replaceAll('_', '-')}`;
    if (VLLM_FLAGS[flag] === undefined) refuse(`${name}: vLLM has no flag ${flag}`);
    if (!VLLM_FLAGS[flag](value)) refuse(`${name}: vLLM takes no ${flag} '${value}'`);
    if (value === 'true') argv.push(flag);
    else if (value !== 'false') argv.push(flag, value);
  }
  known(withoutPrefix(environment, 'SM_VLLM_'), { ...HUGGING_FACE, ...SUPERVISOR });
  if (!argv.includes('--model')) refuse('no model: set SM_VLLM_MODEL or HF_MODEL_ID');
  return argv;
};

/** `OPTION_MAX_MODEL_LEN` is the property `option.max_model_len`; one that neither LMI nor vLLM knows is dropped without a word. */
const LMI = {
  ...HUGGING_FACE,
  HF_REVISION: text,
  HF_MODEL_TRUST_REMOTE_CODE: bool,
  TENSOR_PARALLEL_DEGREE: (value) => value === 'max' || whole(1)(value),
  MAX_BATCH_SIZE: whole(1),
  MAX_CONCURRENT_REQUESTS: whole(1),
  SERVING_JOB_QUEUE_SIZE: whole(1),
  OPTION_ROLLING_BATCH: oneOf('auto', 'vllm', 'disable'),
  OPTION_TENSOR_PARALLEL_DEGREE: (value) => value === 'max' || whole(1)(value),
  OPTION_MAX_ROLLING_BATCH_SIZE: whole(1),
  OPTION_MAX_MODEL_LEN: whole(1),
  OPTION_QUANTIZE: QUANTIZATION,
  OPTION_DTYPE: oneOf('auto', 'fp32', 'fp16', 'bf16', 'float32', 'float16', 'bfloat16'),
  OPTION_GPU_MEMORY_UTILIZATION: share,
  OPTION_ENABLE_PREFIX_CACHING: bool,
};
const lmi = (environment) => {
  known(environment, LMI);
  return Object.entries(environment).flatMap(([name, value]) => {
    if (name === 'HF_MODEL_ID') return [`option.model_id=${value}`];
    return name.startsWith('OPTION_') ? [`option.${name.slice('OPTION_'.length).toLowerCase()}=${value}`] : [];
  });
};

const TOOLKIT = {
  SAGEMAKER_BASE_DIR: text,
  SAGEMAKER_PROGRAM: (value) => /^[\w./-]+\.py$/.test(value),
  SAGEMAKER_CONTAINER_LOG_LEVEL: whole(0),
  SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT: text,
  SAGEMAKER_MODEL_SERVER_WORKERS: whole(1),
  SAGEMAKER_MODEL_SERVER_TIMEOUT: whole(1),
  SAGEMAKER_STARTUP_TIMEOUT: whole(1),
  SAGEMAKER_TS_BATCH_SIZE: whole(1),
  SAGEMAKER_TS_MAX_BATCH_DELAY: whole(0),
  SAGEMAKER_TS_MIN_WORKERS: whole(1),
  SAGEMAKER_TS_MAX_WORKERS: whole(1),
  SAGEMAKER_TS_RESPONSE_TIMEOUT: whole(1),
};
const torchServe = (environment) => {
  known(environment, TOOLKIT);
  const workers = environment.SAGEMAKER_MODEL_SERVER_WORKERS;
  return [
    `entry_point=${environment.SAGEMAKER_PROGRAM ?? 'inference.py'}`,
    ...(workers === undefined ? [] : [`default_workers_per_model=${workers}`]),
  ];
};

const TENSORFLOW = {
  SAGEMAKER_TFS_DEFAULT_MODEL_NAME: text,
  SAGEMAKER_TFS_ENABLE_BATCHING: bool,
  SAGEMAKER_TFS_MAX_BATCH_SIZE: whole(1),
  SAGEMAKER_TFS_BATCH_TIMEOUT_MICROS: whole(0),
  SAGEMAKER_TFS_NUM_BATCH_THREADS: whole(1),
  SAGEMAKER_TFS_MAX_ENQUEUED_BATCHES: whole(1),
  SAGEMAKER_TFS_INSTANCE_COUNT: whole(1),
  SAGEMAKER_GUNICORN_WORKERS: whole(1),
};
const tensorFlowServing = (environment) => {
  known(environment, TENSORFLOW);
  const batching = environment.SAGEMAKER_TFS_ENABLE_BATCHING === 'true';
  if (!batching && environment.SAGEMAKER_TFS_MAX_BATCH_SIZE !== undefined) {
    refuse('SAGEMAKER_TFS_MAX_BATCH_SIZE: read only with SAGEMAKER_TFS_ENABLE_BATCHING');
  }
  return [
    `default_model=${environment.SAGEMAKER_TFS_DEFAULT_MODEL_NAME ?? ''}`,
    ...(batching ? [`max_batch_size=${environment.SAGEMAKER_TFS_MAX_BATCH_SIZE ?? 8}`] : []),
  ];
};

const TRITON = {
  SAGEMAKER_TRITON_DEFAULT_MODEL_NAME: text,
  SAGEMAKER_TRITON_THREAD_COUNT: whole(1),
  SAGEMAKER_TRITON_INFERENCE_TYPE: oneOf('infer', 'generate', 'generate_stream'),
  SAGEMAKER_TRITON_LOG_VERBOSE: (value) => bool(value) || whole(0)(value),
  SAGEMAKER_TRITON_LOG_INFO: bool,
  SAGEMAKER_TRITON_ALLOW_METRICS: bool,
  SAGEMAKER_TRITON_ADDITIONAL_ARGS: text,
};
const triton = (environment) => {
  known(environment, TRITON);
  const threads = environment.SAGEMAKER_TRITON_THREAD_COUNT;
  return [
    `--sagemaker-port=${PORT}`,
    ...(threads === undefined ? [] : [`--sagemaker-thread-count=${threads}`]),
    // The image's own choice where nothing is said.
    `--log-verbose=${environment.SAGEMAKER_TRITON_LOG_VERBOSE ?? 'true'}`,
  ];
};

const IMAGES = {
  vllm,
  'huggingface-vllm': vllm,
  'djl-inference': lmi,
  'pytorch-inference': torchServe,
  'tensorflow-inference': tensorFlowServing,
  'sagemaker-tritonserver': triton,
};

function withoutPrefix(environment, prefix) {
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !name.startsWith(prefix)));
}

function known(environment, variables) {
  for (const [name, value] of Object.entries(environment)) {
    if (variables[name] === undefined) refuse(`${name}: the image reads no such variable`);
    if (!variables[name](value)) refuse(`${name}: the image cannot read '${value}'`);
  }
}

function refuse(reason) {
  process.stderr.write(`error: ${reason}\n`);
  process.exit(2);
}

/** Faults that a test of the contract asks for, to see that they are seen. */
const FAULTS = ['slow-ping', 'wordy-ping', 'unhealthy', 'no-answer', 'deaf-to-sigterm', 'other-port'];

function serve(argv, fault) {
  const server = http.createServer((request, response) => {
    if (request.method === 'GET' && request.url === '/ping') {
      const answer = () =>
        response.writeHead(fault === 'unhealthy' ? 503 : 200).end(fault === 'wordy-ping' ? 'fine' : '');
      setTimeout(answer, fault === 'slow-ping' ? 2_500 : 0);
    } else if (request.method === 'POST' && request.url === '/invocations') {
      const chunks = [];
      request.on('data', (chunk) => chunks.push(chunk));
      request.on('end', () => {
        const asked = JSON.parse(Buffer.concat(chunks).toString('utf8'));
        response.writeHead(fault === 'no-answer' ? 500 : 200, { 'content-type': 'application/json' });
        response.end(JSON.stringify({ asked, argv }));
      });
    } else response.writeHead(404).end();
  });
  process.on('SIGTERM', () => {
    if (fault === 'deaf-to-sigterm') return;
    server.close(() => process.exit(0));
    server.closeIdleConnections();
  });
  server.listen(fault === 'other-port' ? PORT + 1 : PORT, '0.0.0.0');
}

const [image, command, fault] = process.argv.slice(2);
if (IMAGES[image] === undefined) refuse(`no image ${image}`);
if (command !== 'serve' && command !== 'check')
  refuse(`${path.basename(process.argv[1])}: '${command ?? ''}' instead of serve`);
if (fault !== undefined && !FAULTS.includes(fault)) refuse(`no fault ${fault}`);
const given = Object.fromEntries(Object.entries(process.env).filter(([name]) => !COMMON_VARIABLES.includes(name)));
const argv = IMAGES[image](given);
if (command === 'check') process.stdout.write(JSON.stringify(argv));
else serve(argv, fault);
