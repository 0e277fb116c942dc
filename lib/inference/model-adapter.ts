import { Resource, Stack, Token, type IResource } from 'aws-cdk-lib';
import type * as iam from 'aws-cdk-lib/aws-iam';
import * as sagemaker from 'aws-cdk-lib/aws-sagemaker';
import type { Construct } from 'constructs';
import { InputError, throwProblems } from '../core/errors';
import type { IInvocableEndpoint } from '../runtime/invocable-endpoint';
import type { ComponentHost } from './component-host';
import { grantComponentInvoke } from './component-grant';
import { checkName } from './value-checks';
import { componentArn } from './endpoint-names';
import type { AdapterProps } from './shared-gpu-endpoint-props';

/** The model that an adapter runs in. */
export interface AdapterBase {
  readonly componentName: string;
  readonly componentArn: string;
  readonly component: sagemaker.CfnInferenceComponent;
}

/** A LoRA adapter on a model of a shared endpoint. */
export interface IModelAdapter extends IResource, IInvocableEndpoint {
  /** The adapter's name, which callers give as `InferenceComponentName`. */
  readonly componentName: string;

  /** The adapter's ARN. */
  readonly componentArn: string;
}

/**
 * A LoRA adapter that runs inside the copies of its model and needs no compute of its own. Made with `ModelComponent.addAdapter`.
 *
 * Creates an inference component, and what the endpoint's role needs to read the archive.
 */
export class ModelAdapter extends Resource implements IModelAdapter {
  /**
   * An adapter of a model; `ModelComponent.addAdapter` calls it.
   *
   * @internal
   */
  public static _on(
    scope: Construct,
    id: string,
    host: ComponentHost,
    base: AdapterBase,
    props: AdapterProps,
  ): ModelAdapter {
    return new ModelAdapter(scope, id, host, base, props);
  }

  public readonly endpointName: string;
  public readonly componentName: string;
  public readonly componentArn: string;

  /** It answers its callers. */
  public readonly isAsynchronous?: boolean = false;

  private readonly resourceArns: string[];

  private constructor(scope: Construct, id: string, host: ComponentHost, base: AdapterBase, props: AdapterProps) {
    super(scope, id);
    const where = `${scope.node.path}: adapter ${id}`;
    if (!Token.isUnresolved(props.key) && !props.key.endsWith('.tar.gz')) {
      throw new InputError(`${where}: its key is '${props.key}'; SageMaker takes an archive that ends with .tar.gz`);
    }
    if (props.componentName === undefined && Token.isUnresolved(base.componentName)) {
      throw new InputError(
        `${where}: no name can be made from that of its model, which is only known at deploy time; give componentName`,
      );
    }
    const name = props.componentName ?? `${base.componentName.slice(0, 62 - id.length)}-${id}`.toLowerCase();
    throwProblems(where, checkName('componentName', name));
    const adapter = new sagemaker.CfnInferenceComponent(this, 'Component', {
      inferenceComponentName: name,
      endpointName: host.endpointName,
      specification: {
        baseInferenceComponentName: base.componentName,
        container: { artifactUrl: props.bucket.s3UrlForObject(props.key) },
      },
    });
    adapter.node.addDependency(base.component);
    props.bucket.grantRead(host.executionRole, props.key).applyBefore(adapter);
    this.endpointName = host.endpointName;
    this.componentName = name;
    this.componentArn = componentArn(Stack.of(this), name);
    this.resourceArns = [host.endpointArn, base.componentArn, this.componentArn];
  }

  /**
   * Lets someone invoke the adapter, synchronously and with a streamed answer. A Lambda function is told the endpoint and the adapter, in
   * `TIDEGATE_ENDPOINT_NAME` and `TIDEGATE_INFERENCE_COMPONENT_NAME`.
   */
  public grantInvoke(grantee: iam.IGrantable): iam.Grant {
    const { endpointName, componentName, resourceArns } = this;
    return grantComponentInvoke(grantee, { endpointName, componentName, resourceArns });
  }
}
