import type { RunClock } from '../clock';
import { CoreDevice, type CoreDeviceOptions } from './core-device';
import type { Greengrass } from './greengrass';
import { assumeRole } from './role-credentials';

export interface GroupDeviceOptions extends Pick<
  CoreDeviceOptions,
  'thingName' | 'directory' | 'broker' | 'environment' | 'platform'
> {
  readonly greengrass: Greengrass;
  /** URL of the engine for the exchange of tokens. */
  readonly engineUrl: string;
  /** URL of the engine as the device reaches it. @default engineUrl */
  readonly awsEndpointUrl?: string;
  /** Clock of the engine. */
  readonly clock: Pick<RunClock, 'now' | 'speed'>;
  /** Role alias of the fleet. */
  readonly roleAlias: string;
}

/** Starts a core device that takes the deployments of stacks in the local account, with the role of a role alias. */
export async function startGroupDevice(options: GroupDeviceOptions): Promise<CoreDevice> {
  const { greengrass, engineUrl, clock, roleAlias, awsEndpointUrl = engineUrl, ...device } = options;
  return CoreDevice.start({
    ...device,
    awsEndpointUrl,
    recipeOf: (name, version) => greengrass.recipeOf(name, version),
    credentials: () =>
      assumeRole({ engineUrl, roleArn: greengrass.roleOf(roleAlias), sessionName: options.thingName, clock }),
  });
}
