import type { TourContext } from '../context';
import type { LiveTraffic } from './live-traffic';

/** Outputs of the stack that trains. */
export const LEARNING_OUTPUTS = [
  'RowsBucketName',
  'ModelsBucketName',
  'TrainingStateMachineArn',
  'CompressionStateMachineArn',
  'CarelessStateMachineArn',
] as const;

export type LearningOutput = (typeof LEARNING_OUTPUTS)[number];

export type LearningContext = TourContext<LearningOutput>;

/** Model that a pipeline made, as its execution returns it. */
export interface MadeModel {
  readonly ModelDataUrl: string;
  /** Version in the registry; undefined for a pipeline without one. */
  readonly ModelPackageArn?: string;
}

/** Results of the steps of one tour that later steps use. */
export class LearningProgress {
  private readonly parts = new Map<string, unknown>();

  public get trained(): MadeModel {
    return this.get('trained');
  }

  public set trained(model: MadeModel) {
    this.parts.set('trained', model);
  }

  public get compressed(): MadeModel {
    return this.get('compressed');
  }

  public set compressed(model: MadeModel) {
    this.parts.set('compressed', model);
  }

  public get serving(): { readonly traffic: LiveTraffic; readonly rolloutStateMachineArn: string } {
    return this.get('serving');
  }

  public set serving(serving: { readonly traffic: LiveTraffic; readonly rolloutStateMachineArn: string }) {
    this.parts.set('serving', serving);
  }

  /** Ends what still runs. */
  public async close(): Promise<void> {
    if (this.parts.has('serving')) await this.serving.traffic.stop();
  }

  private get<Part>(name: string): Part {
    if (!this.parts.has(name)) throw new Error(`the step that makes '${name}' was not taken`);
    return this.parts.get(name) as Part;
  }
}
