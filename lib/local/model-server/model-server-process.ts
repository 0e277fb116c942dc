import type { TokenCounts } from '../../simulation/service-profile';

/** What a model server itself counted, as its metrics tell. */
export interface ModelServerStatistics {
  /** Requests answered. */
  readonly requests: number;
  /** Runs of the model; fewer than requests where batches were made of them. */
  readonly executions: number;
}

/** A model server in a process of its own. */
export interface ModelServerProcess {
  /** What `--server` calls it. */
  readonly name: string;
  /** What messages call it. */
  readonly title: string;
  /** The Unix socket of its container contract, `/ping` and `/invocations`. */
  readonly socketPath: string;
  /** What its container contract answers on `/ping`: 200 when it is ready, 0 when nothing answers. */
  ping(): Promise<number>;
  /** The model's answer to one request, in seconds of service. Throws when the server answers otherwise. */
  predict(request: TokenCounts): Promise<number>;
  statistics(): Promise<ModelServerStatistics>;
  /** Ends the process; safe to call twice. */
  stop(): Promise<void>;
}

export interface ModelServerStart {
  readonly projectDirectory: string;
  /** For its log, the exported model and its sockets; a folder of the server's name is made anew in it. */
  readonly dataDirectory: string;
  /** Called once, before an installation that takes its time. @default - nothing */
  readonly onInstall?: (message: string) => void;
}

/** A model server that can stand behind the local endpoints. */
export interface ModelServerKind {
  /** What messages call it. */
  readonly title: string;
  /** What the machine has to have for it, for the help: `needs …`. */
  readonly needs: string;
  /**
   * Installs what it needs, once, exports the small network for it and starts it.
   *
   * @throws InputError when something is missing, or it does not start, with its own last words
   */
  start(options: ModelServerStart): Promise<ModelServerProcess>;
}
