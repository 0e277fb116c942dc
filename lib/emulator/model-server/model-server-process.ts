import type { TokenCounts } from '../../simulation/traffic/service-profile';

/** Counts of a model server, from its own metrics. */
export interface ModelServerStatistics {
  /** Requests with a response. */
  readonly requests: number;
  /** Runs of the model; fewer than requests where they were batched. */
  readonly executions: number;
}

/** A model server in a process of its own. */
export interface ModelServerProcess {
  /** Value of `--server`. */
  readonly name: string;
  /** Name in messages. */
  readonly title: string;
  /** The Unix socket of its container contract, `/ping` and `/invocations`. */
  readonly socketPath: string;
  /** Returns the status of `/ping`: 200 when the server is ready, 0 without a response. */
  ping(): Promise<number>;
  /** Returns the model's prediction for one request, in seconds of service. Throws on any other response. */
  predict(request: TokenCounts): Promise<number>;
  statistics(): Promise<ModelServerStatistics>;
  /** Ends the process; safe to call twice. */
  stop(): Promise<void>;
}

export interface ModelServerStart {
  readonly projectDirectory: string;
  /** Parent of the server's folder, which is created anew for its log and the exported model. */
  readonly dataDirectory: string;
  /** Called once, before an installation. @default - no message */
  readonly onInstall?: (message: string) => void;
}

/** A model server that can stand behind the local endpoints. */
export interface ModelServerKind {
  /** Name in messages. */
  readonly title: string;
  /** Requirements on the machine, for the help: `needs …`. */
  readonly needs: string;
  /**
   * Installs its packages, once, exports the small network for it and starts it.
   *
   * @throws InputError when a requirement is not met, or it does not start, with the end of its log
   */
  start(options: ModelServerStart): Promise<ModelServerProcess>;
}
