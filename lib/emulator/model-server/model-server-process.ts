import type { TokenCounts } from '../../simulation/traffic/service-profile';
import type { ModelRepository } from './artifact/open-artifact';
import type { Payload } from './artifact/sample-requests';

/** Counts of a model server, from its own metrics. */
export interface ModelServerStatistics {
  /** Requests with a response. */
  readonly requests: number;
  /** Runs of the model; fewer than requests where they were batched. */
  readonly executions: number;
}

/** Response of a model. */
export interface ModelResponse {
  readonly statusCode: number;
  /** JSON. */
  readonly body: string;
}

/** Answer to a request of the traffic: the seconds of service that the small network predicts, or the response of a model of the user as it came, JSON. */
export type Prediction = { readonly seconds: number } | { readonly output: string };

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
  /** Runs the model once for a request of the traffic; a model of the user gets the next of its own requests. Throws on any response but an answer. */
  predict(request: TokenCounts): Promise<Prediction>;
  /** Runs a model of the user on the body of a request. @default - tensors are not for the small network */
  infer?(body: string): Promise<ModelResponse>;
  /** Name of the user's model. @default - the small network */
  readonly modelName?: string;
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
  /** Model of the user. @default - the small network */
  readonly served?: {
    readonly repository: ModelRepository;
    /** Bodies of requests, which those of the traffic take in turns. @default - made for the model */
    readonly payloads?: readonly Payload[];
    /** Path of the artifact in messages. */
    readonly location: string;
  };
}

/** A model server that can stand behind the local endpoints. */
export interface ModelServerKind {
  /** Name in messages. */
  readonly title: string;
  /** Requirements on the machine, for the help: `needs …`. */
  readonly needs: string;
  /**
   * Installs its packages, once, exports the small network for it, or takes the model of the user, and starts it.
   *
   * @throws InputError when a requirement is not met, or it does not start, with the end of its log
   */
  start(options: ModelServerStart): Promise<ModelServerProcess>;
}
