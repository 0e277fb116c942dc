import { Resource, Stack, Token, type IResource } from 'aws-cdk-lib';
import type * as iam from 'aws-cdk-lib/aws-iam';
import type * as s3 from 'aws-cdk-lib/aws-s3';
import * as sagemaker from 'aws-cdk-lib/aws-sagemaker';
import type { Construct } from 'constructs';
import { InputError, throwProblems } from '../../core/errors';
import type { IInvocableEndpoint } from '../../runtime/invocable-endpoint';
import { COMPONENT_NAME_VARIABLE, ENDPOINT_NAME_VARIABLE } from '../contract';
import { componentArn } from '../endpoint/endpoint-names';
import { grantInvocation, INVOKE_ACTION, STREAM_ACTION } from '../endpoint/invoke-grant';
import { checkName } from '../value-checks';
import type { ComponentHost } from './component-host';

/** Properties of a LoRA adapter on a model of a shared endpoint. */
export interface AdapterComponentProps {
  /** Bucket of the adapter's archive. */
  readonly bucket: s3.IBucket;

  /** Key of the archive; it ends with `.tar.gz`. */
  readonly key: string;

  /**
   * Name of the adapter, which callers give in their requests.
   *
   * @default - a unique name made from the construct's path
   */
  readonly componentName?: string;
}

/**
 * Component of the model that an adapter runs in.
 *
 * @internal
 */
export interface BaseComponent {
  readonly componentName: string;
  readonly componentArn: string;
  readonly component: sagemaker.CfnInferenceComponent;
}

/** LoRA adapter on a model of a shared endpoint: an adapter inference component. */
export interface IAdapterComponent extends IResource, IInvocableEndpoint {
  /** Allows a principal to invoke the adapter with a streamed response. */
  grantInvokeWithResponseStream(grantee: iam.IGrantable): iam.Grant;

  /** Name of the adapter, which callers give as `InferenceComponentName`. */
  readonly componentName: string;

  /** ARN of the adapter. */
  readonly componentArn: string;
}

/**
 * LoRA adapter that runs inside the copies of its model and needs no compute of its own. Created with `InferenceComponent.addAdapter`.
 *
 * Creates an inference component, and the permission of the endpoint's role to read the archive.
 */
export class AdapterComponent extends Resource implements IAdapterComponent {
  /**
   * Creates an adapter of a model, for `InferenceComponent.addAdapter`.
   *
   * @internal
   */
  public static _on(
    scope: Construct,
    id: string,
    host: ComponentHost,
    base: BaseComponent,
    props: AdapterComponentProps,
  ): AdapterComponent {
    return new AdapterComponent(scope, id, host, base, props);
  }

  public readonly endpointName: string;
  public readonly componentName: string;
  public readonly componentArn: string;

  /** Always false: responses are synchronous. */
  public readonly isAsynchronous?: boolean = false;

  private readonly resourceArns: string[];

  private constructor(
    scope: Construct,
    id: string,
    host: ComponentHost,
    base: BaseComponent,
    props: AdapterComponentProps,
  ) {
    super(scope, id);
    const where = `${scope.node.path}: adapter ${id}`;
    if (!Token.isUnresolved(props.key) && !props.key.endsWith('.tar.gz')) {
      throw new InputError(`${where}: its key is '${props.key}'; SageMaker takes an archive that ends with .tar.gz`);
    }
    if (props.componentName === undefined && Token.isUnresolved(base.componentName)) {
      throw new InputError(
        `${where}: the name of its model is known only at deploy time, so no name can be made from it; give componentName`,
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
   * Allows a principal to invoke the adapter, which responds at once. A Lambda function also receives the names of the endpoint and the
   * adapter in the environment variables `TIDEGATE_ENDPOINT_NAME` and `TIDEGATE_INFERENCE_COMPONENT_NAME`.
   */
  public grantInvoke(grantee: iam.IGrantable): iam.Grant {
    return this.grantAction(grantee, INVOKE_ACTION);
  }

  /** Allows a principal to invoke the adapter with a streamed response; a Lambda function also receives both names. */
  public grantInvokeWithResponseStream(grantee: iam.IGrantable): iam.Grant {
    return this.grantAction(grantee, STREAM_ACTION);
  }

  private grantAction(grantee: iam.IGrantable, action: string): iam.Grant {
    return grantInvocation(grantee, {
      actions: [action],
      resourceArns: this.resourceArns,
      environment: {
        [ENDPOINT_NAME_VARIABLE]: this.endpointName,
        [COMPONENT_NAME_VARIABLE]: this.componentName,
      },
    });
  }
}
