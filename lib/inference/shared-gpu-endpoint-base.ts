import { Resource, type IResource } from 'aws-cdk-lib';
import type { ComponentHost } from './component-host';
import { ModelComponent } from './model-component';
import type { ModelComponentProps } from './shared-gpu-endpoint-props';

/** A fleet of GPU instances that several models share, made here or elsewhere. */
export interface ISharedGpuEndpoint extends IResource {
  /** The endpoint's name. */
  readonly endpointName: string;

  /** The endpoint's ARN. */
  readonly endpointArn: string;

  /** The variant's name. */
  readonly variantName: string;

  /** The instance types of the pools, the most wanted first. */
  readonly instanceTypes: string[];

  /** Adds a model, whose copies share the instances with those of the others. */
  addModel(id: string, props: ModelComponentProps): ModelComponent;
}

/** What shared endpoints made here and imported ones have in common. */
export abstract class SharedGpuEndpointBase extends Resource implements ISharedGpuEndpoint {
  public abstract readonly endpointName: string;
  public abstract readonly endpointArn: string;
  public abstract readonly variantName: string;
  public abstract readonly instanceTypes: string[];

  /**
   * The endpoint as its components see it.
   *
   * @internal
   */
  protected abstract readonly _host: ComponentHost;

  public addModel(id: string, props: ModelComponentProps): ModelComponent {
    return ModelComponent._on(this, id, this._host, props);
  }
}
