import { checkEmrReleaseLabel } from '../catalog/emr-serverless';
import { InputError } from '../core/errors';

/** Release of EMR Serverless that runs Spark 4. */
export class EmrRelease {
  /** Spark 4.1.1, with long-term support. */
  public static readonly SPARK_8_1_0 = new EmrRelease('emr-spark-8.1.0');

  /** Spark 4.0.2. */
  public static readonly SPARK_8_0_0 = new EmrRelease('emr-spark-8.0.0');

  /**
   * Release of a label, for one that is newer than this package.
   *
   * @param label for example `emr-spark-8.1.0`
   * @throws InputError for another text, with the nearest labels
   */
  public static of(label: string): EmrRelease {
    const problem = checkEmrReleaseLabel(label);
    if (problem !== undefined) throw new InputError(problem);
    return new EmrRelease(label);
  }

  private constructor(
    /** Release label. */
    public readonly label: string,
  ) {}
}
