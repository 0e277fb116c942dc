import { Resource, type IResource } from 'aws-cdk-lib';
import type { ComponentHost } from './component-host';
import { InferenceComponent } from './inference-component';
import type { InferenceComponentProps } from './inference-component-props';

/** Fleet of GPU instances that several models share, created in this app or imported. */
export interface ISharedGpuEndpoint extends IResource {
  /** Name of the endpoint. */
  readonly endpointName: string;

  /** ARN of the endpoint. */
  readonly endpointArn: string;

  /** Name of the variant. */
  readonly variantName: string;

  /** Instance types of the pools in order of preference. */
  readonly instanceTypes: string[];

  /** Adds a model, whose copies share the instances with those of the others. */
  addModel(id: string, props: InferenceComponentProps): InferenceComponent;
}

/** Base of shared endpoints that are created here and of imported ones. */
export abstract class SharedGpuEndpointBase extends Resource implements ISharedGpuEndpoint {
  public abstract readonly endpointName: string;
  public abstract readonly endpointArn: string;
  public abstract readonly variantName: string;
  public abstract readonly instanceTypes: string[];

  /**
   * Endpoint, as far as its components need it.
   *
   * @internal
   */
  protected abstract readonly _host: ComponentHost;

  public addModel(id: string, props: InferenceComponentProps): InferenceComponent {
    return InferenceComponent._on(this, id, this._host, props);
  }
}
