import type { TourContext } from '../context';
import type { LiveTraffic } from './live-traffic';
import type { LearningRow } from './rows';

/** Outputs of the stack. */
export const LEARNING_OUTPUTS = [
  'LandedBucketName',
  'StreamName',
  'ModelsBucketName',
  'TrainingStateMachineArn',
  'CompressionStateMachineArn',
  'CarelessStateMachineArn',
  'RolloutStateMachineArn',
  'DriftStateMachineArn',
  'IncrementalStateMachineArn',
  'CompressedBucketName',
  'DeviceResultsStreamName',
  'EdgeComponentName',
  'EdgeRequestTopic',
  'EdgeResponseTopic',
  'EdgeRoleAlias',
  'EdgeThingGroupArn',
] as const;

export type LearningOutput = (typeof LEARNING_OUTPUTS)[number];

export type LearningContext = TourContext<LearningOutput>;

/** Model that a pipeline made, as its execution returns it. */
export interface MadeModel {
  readonly ModelDataUrl: string;
  /** Version in the registry; undefined for a pipeline without one. */
  readonly ModelPackageArn?: string;
}

/** Device of the fleet, as the steps use it. */
export interface FleetDevice {
  /** Version of the component that runs. */
  version(): string;
  /** Takes the deployment of the fleet; returns the version that runs then. */
  update(): Promise<string>;
  /** Asks for the labels of rows until each has a response; returns the labels by the ids of the rows. */
  ask(rows: readonly LearningRow[], condition: string): Promise<ReadonlyMap<string, string>>;
  stop(): Promise<void>;
}

interface Parts {
  traffic: LiveTraffic;
  trained: MadeModel & { readonly steps: number };
  /** Version for the endpoint and the devices. */
  compressed: MadeModel;
  /** Version that is too small for its task. */
  careless: MadeModel;
  /** Model that learned what came with the drift, and its version for the endpoint and the devices. */
  incremental: MadeModel;
  incrementalCompressed: MadeModel;
  /** Device with the version that was rolled out. */
  buoy: FleetDevice;
}

/** Results of the steps of one tour that later steps use, and what has to be ended. */
export class LearningProgress {
  private readonly parts: Partial<Parts> = {};
  private readonly endings: (() => Promise<unknown>)[] = [];

  public set<Name extends keyof Parts>(name: Name, part: Parts[Name]): void {
    this.parts[name] = part;
  }

  public get<Name extends keyof Parts>(name: Name): Parts[Name] {
    const part = this.parts[name];
    if (part === undefined) throw new Error(`the step that makes '${name}' was not taken`);
    return part;
  }

  /** Calls a function at the end of the tour, the last first. It may be called twice. */
  public atEnd(end: () => Promise<unknown>): void {
    this.endings.push(end);
  }

  /** Ends what still runs. */
  public async close(): Promise<void> {
    for (const end of this.endings.reverse()) await end();
  }
}

/** Throws where IAM has refused a call. */
export async function requireNoDenials({ platform }: Pick<LearningContext, 'platform'>): Promise<void> {
  const [first, ...others] = await platform.deniedCalls();
  if (first !== undefined)
    throw new Error(`IAM refused ${1 + others.length} calls, the first: ${JSON.stringify(first)}`);
}
