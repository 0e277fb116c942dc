/** Names and forms that devices, construct, alarms and the local run share. */

/** Metrics of a fleet, with the dimension `Fleet`. Devices send them in CloudWatch's embedded metric format. */
export const EDGE_METRICS = {
  /** One for each device and metrics interval. */
  heartbeats: 'EdgeHeartbeats',
  requests: 'EdgeRequests',
  /** Requests that the model on the device answered. */
  answered: 'EdgeAnswered',
  /** Requests that the cloud endpoint was asked. */
  askedCloud: 'EdgeAskedCloud',
  /** Requests that the model was unsure about while the device was offline. */
  unsureOffline: 'EdgeUnsureOffline',
  forwarded: 'EdgeForwarded',
  dropped: 'EdgeDropped',
  refused: 'EdgeRefused',
  cloudFailures: 'EdgeCloudFailures',
  /** Results on the disk that wait for the stream. */
  waiting: 'EdgeWaiting',
  /** Used part of the store, percent. */
  storeUsed: 'EdgeStoreUsed',
  /** Median time from a request to its response, milliseconds. */
  latency: 'EdgeLatency',
} as const;

/** Dimension of the metrics. */
export const FLEET_DIMENSION = 'Fleet';

/** Minimum size of the store: a device reserves it in parts of a mebibyte. */
export const MIN_STORE_BYTES = 4 * 1024 * 1024;

/** Configuration of the component. Numbers are texts, as the documentation of recipes recommends. */
export interface EdgeConfiguration {
  readonly fleet: string;
  readonly metricsNamespace: string;
  readonly confidenceThreshold: string;
  readonly storeMaxBytes: string;
  readonly dropPolicy: 'oldest' | 'least-useful';
  readonly requestTopic: string;
  readonly responseTopic: string;
  readonly metricsTopic: string;
  readonly forwardIntervalSeconds: string;
  readonly metricsIntervalSeconds: string;
  /** Empty without an endpoint. */
  readonly endpointName: string;
  readonly endpointTimeoutSeconds: string;
  readonly streamName: string;
  readonly region: string;
  /** `false` for a model without the report of a compression. */
  readonly gated: 'true' | 'false';
  /** Folder of the Python environment; empty for the component's own. */
  readonly environmentDirectory: string;
}

/** Artifact of a version. */
export interface EdgeArtifact {
  readonly uri: string;
  readonly unarchive: 'NONE' | 'ZIP';
}

/** Contents of a recipe. */
export interface EdgeRecipe {
  readonly componentName: string;
  readonly componentVersion: string;
  readonly publisher: string;
  /** File `<hash>.zip` with the program. */
  readonly code: EdgeArtifact & { readonly folder: string };
  /** Folder `<hash>` of a ZIP, or a `model.tar.gz`, which the component unpacks. */
  readonly model: EdgeArtifact & { readonly folder: string };
  readonly configuration: EdgeConfiguration;
  /** Maximum time for the installation of Python packages on a device. */
  readonly installTimeoutSeconds: number;
}

/**
 * Recipe of the component, in Greengrass's format of 2020-01-25.
 *
 * https://docs.aws.amazon.com/greengrass/v2/developerguide/component-recipe-reference.html
 */
export function edgeRecipe(recipe: EdgeRecipe): object {
  const { configuration, code, model } = recipe;
  const pathOf = ({ unarchive, folder }: EdgeRecipe['code']): string =>
    unarchive === 'ZIP' ? `{artifacts:decompressedPath}/${folder}` : '{artifacts:path}';
  const program = pathOf(code);
  const common = `--work "{work:path}" --model "${pathOf(model)}" --gated "{configuration:/gated}"`;
  return {
    RecipeFormatVersion: '2020-01-25',
    ComponentName: recipe.componentName,
    ComponentVersion: recipe.componentVersion,
    ComponentDescription: 'Inference at the edge with ONNX Runtime; results are stored and forwarded',
    ComponentPublisher: recipe.publisher,
    ComponentConfiguration: {
      DefaultConfiguration: { ...configuration, accessControl: accessControl(recipe.componentName, configuration) },
    },
    // Gives the credentials of the token-exchange role to the component.
    ComponentDependencies: {
      'aws.greengrass.TokenExchangeService': { VersionRequirement: '>=2.0.0', DependencyType: 'HARD' },
    },
    Manifests: [
      {
        Platform: { os: 'linux' },
        Lifecycle: {
          Install: {
            Script: `python3 -B "${program}/install.py" ${common} --environments "{configuration:/environmentDirectory}"`,
            Timeout: recipe.installTimeoutSeconds,
          },
          Run: {
            Script: `exec "{work:path}/environment/bin/python" -B "${program}/main.py" run --work "{work:path}" --model "${pathOf(model)}"`,
          },
        },
        Artifacts: [code, model].map(({ uri, unarchive }) => ({ URI: uri, Unarchive: unarchive })),
      },
    ],
  };
}

/** Topics that the component may use, and no others. */
function accessControl(component: string, { requestTopic, responseTopic, metricsTopic }: EdgeConfiguration): object {
  const policy = (operation: string, topic: string) => ({
    policyDescription: `${operation} ${topic}`,
    operations: [`aws.greengrass#${operation}`],
    resources: [topic],
  });
  return {
    'aws.greengrass.ipc.pubsub': {
      [`${component}:pubsub:1`]: policy('SubscribeToTopic', requestTopic),
      [`${component}:pubsub:2`]: policy('PublishToTopic', responseTopic),
    },
    'aws.greengrass.ipc.mqttproxy': {
      [`${component}:mqttproxy:1`]: policy('PublishToIoTCore', metricsTopic),
    },
  };
}

/**
 * Version of a component by its content: two of the three numbers of a semantic version are a hash, so that the same content is the same version, and
 * other content another one.
 *
 * @param hash hexadecimal digits, at least 10
 */
export function contentVersion(hash: string): string {
  const number = Number.parseInt(hash.slice(0, 10), 16) % 1e12;
  return `1.${Math.floor(number / 1e6)}.${number % 1e6}`;
}
