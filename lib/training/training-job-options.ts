import type { Duration, Size } from 'aws-cdk-lib';

/** Instances of one type in a heterogeneous cluster. */
export interface TrainingInstanceGroup {
  /** Name of the group, 1 to 64 characters. The script finds it in `SM_CURRENT_INSTANCE_GROUP`. */
  readonly name: string;

  /** Instance type of the group. */
  readonly instanceType: string;

  /** Number of instances of the group, from 1. */
  readonly instanceCount: number;

  /**
   * True if torchrun starts the script in this group; elsewhere it runs once on each instance. Has no effect without `TrainingDistribution.TORCHRUN`.
   *
   * @default true
   */
  readonly distributed?: boolean;
}

/** Instances of a job that are on one UltraServer. */
export interface UltraServerPlacement {
  /**
   * Id of the UltraServer.
   *
   * @default - any
   */
  readonly ultraServerId?: string;

  /** Number of instances that are placed on it, from 1. */
  readonly instanceCount: number;
}

/** Experiment that a job is a run of. */
export interface TrainingExperiment {
  /**
   * Name of an existing experiment.
   *
   * @default - none
   */
  readonly experimentName?: string;

  /**
   * Name of an existing trial of it.
   *
   * @default - a new trial
   */
  readonly trialName?: string;

  /**
   * Display name of the run.
   *
   * @default - the name of the job
   */
  readonly displayName?: string;

  /**
   * Name of the run.
   *
   * @default - none
   */
  readonly runName?: string;
}

/** MLflow server or app that has the metrics of the jobs. */
export interface MlflowTracking {
  /** ARN of the MLflow app or tracking server of SageMaker. */
  readonly resourceArn: string;

  /**
   * Name of the MLflow experiment, 1 to 256 characters.
   *
   * @default - none
   */
  readonly experimentName?: string;

  /**
   * Name of the MLflow run, 1 to 256 characters.
   *
   * @default - none
   */
  readonly runName?: string;
}

/** Output for TensorBoard, which SageMaker copies to `tensorboard/` in the model bucket while a job runs. */
export interface TensorBoardOutput {
  /**
   * Local folder that the script writes to.
   *
   * @default - /opt/ml/output/tensorboard
   */
  readonly localPath?: string;
}

/** Rule of SageMaker Debugger, which runs beside the job as a processing job. */
export interface TrainingRule {
  /** Image in ECR that evaluates the rule: AWS's for its own rules. */
  readonly image: string;

  /**
   * Parameters of the rule; `rule_to_invoke` names one of AWS's rules.
   *
   * @default - none
   */
  readonly parameters?: { [name: string]: string };

  /**
   * Instance type of a rule of your own.
   *
   * @default - that of AWS's rules
   */
  readonly instanceType?: string;

  /**
   * Storage volume of a rule of your own, in whole GiB from 1.
   *
   * @default - that of AWS's rules
   */
  readonly volumeSize?: Size;

  /**
   * Local folder of the rule's output.
   *
   * @default - /opt/ml/processing/output/rule/
   */
  readonly localPath?: string;
}

/** Hook of SageMaker Debugger, which writes tensors to `debug/tensors/` in the model bucket. */
export interface DebugHook {
  /**
   * Tensor collections by name, with their parameters, such as `{ losses: { save_interval: '100' } }`. At most 20.
   *
   * @default - none
   */
  readonly collections?: { [name: string]: { [parameter: string]: string } };

  /**
   * Parameters of the hook, at most 20.
   *
   * @default - none
   */
  readonly parameters?: { [name: string]: string };

  /**
   * Local folder of the tensors.
   *
   * @default - /opt/ml/output/tensors/
   */
  readonly localPath?: string;

  /**
   * Rules that watch the tensors, by name. At most 20.
   *
   * @default - none
   */
  readonly rules?: { [name: string]: TrainingRule };
}

/** Profiler of SageMaker Debugger, which writes metrics of system and framework to `debug/profiler/` in the model bucket. */
export interface TrainingProfiler {
  /**
   * Interval of the system's metrics: 100, 200 or 500 milliseconds, 1, 5 or 60 seconds.
   *
   * @default Duration.millis(500)
   */
  readonly interval?: Duration;

  /**
   * Settings of the framework's profiling by name, at most 20: `DetailedProfilingConfig`, `PythonProfilingConfig` and `DataLoaderProfilingConfig`.
   *
   * @default - the system alone
   */
  readonly parameters?: { [name: string]: string };

  /**
   * Rules that watch the metrics, by name. At most 20.
   *
   * @default - none
   */
  readonly rules?: { [name: string]: TrainingRule };
}

/**
 * Options of the training jobs of a pipeline, with the names and limits of the API reference of CreateTrainingJob,
 * https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateTrainingJob.html
 */
export interface TrainingJobOptions {
  /**
   * Groups of a heterogeneous cluster, at most 5, in place of `instanceTypes`. Such a job has no other types to fall back on, and no warm pool.
   *
   * @default - instances of one type
   */
  readonly instanceGroups?: TrainingInstanceGroup[];

  /**
   * UltraServers that the instances are placed on, at most 10. Needs a `trainingPlanArn`.
   *
   * @default - SageMaker places them
   */
  readonly ultraServers?: UltraServerPlacement[];

  /**
   * True if other jobs may use the same UltraServers.
   *
   * @default false
   */
  readonly sharedUltraServers?: boolean;

  /**
   * Maximum time for which a job waits for instances before it ends, 30 minutes to 28 days. Has an effect on types with GPUs or Trainium only.
   *
   * @default - none of its own
   */
  readonly maxPendingTime?: Duration;

  /**
   * Tests the hardware and the network of the instances before the script starts.
   *
   * @default false
   */
  readonly infraCheck?: boolean;

  /**
   * Gives people with `ssm:StartSession` a shell in the containers. The role of the jobs then may open channels of Systems Manager.
   *
   * @default false
   */
  readonly remoteDebug?: boolean;

  /**
   * Passes the session tags of the state machine's role on to the role of the jobs.
   *
   * @default false
   */
  readonly sessionTagChaining?: boolean;

  /**
   * Command that runs in place of the image's own; at most 100 texts of 256 characters. Script mode then is up to the command.
   *
   * @default - the command of the image
   */
  readonly containerEntrypoint?: string[];

  /**
   * Arguments of the container's command; at most 100 texts of 256 characters.
   *
   * @default - none
   */
  readonly containerArguments?: string[];

  /**
   * Local folder of the checkpoints.
   *
   * @default - /opt/ml/checkpoints/
   */
  readonly checkpointLocalPath?: string;

  /**
   * Saves metrics as time series, which SageMaker does by itself for its own images and with `metricDefinitions`.
   *
   * @default - as SageMaker decides
   */
  readonly metricsTimeSeries?: boolean;

  /**
   * Output for TensorBoard.
   *
   * @default - nothing is kept for TensorBoard
   */
  readonly tensorBoard?: TensorBoardOutput;

  /**
   * Hook and rules of SageMaker Debugger.
   *
   * @default - none
   */
  readonly debugHook?: DebugHook;

  /**
   * Profiler of SageMaker Debugger.
   *
   * @default - as SageMaker decides
   */
  readonly profiler?: TrainingProfiler;

  /**
   * Turns SageMaker's profiling of the system off.
   *
   * @default false
   */
  readonly disableProfiler?: boolean;

  /**
   * Experiment that the jobs are runs of.
   *
   * @default - none
   */
  readonly experiment?: TrainingExperiment;

  /**
   * MLflow of SageMaker to which the scripts may report.
   *
   * @default - none
   */
  readonly mlflow?: MlflowTracking;

  /**
   * Tags of the jobs, at most 50, for the allocation of their cost.
   *
   * @default - none
   */
  readonly jobTags?: { [key: string]: string };
}
