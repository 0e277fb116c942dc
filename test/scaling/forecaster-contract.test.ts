import { parseForecasterConfiguration } from '../../lib/scaling/contract';
import { configuration } from '../lambda/capacity-forecaster/world';

const where = 'TIDEGATE_FORECASTER_CONFIGURATION';

describe('the configuration of a forecaster', () => {
  test('is read back as it was written', () => {
    expect(parseForecasterConfiguration(JSON.stringify(configuration))).toEqual(configuration);
  });

  test.each<[string, string, string]>([
    ['no JSON', '{', `${where} is not valid JSON; expected the configuration of a forecaster (`],
    ['no object', '[]', `${where}: the value is []; expected an object`],
    [
      'a text for active',
      JSON.stringify({ ...configuration, active: 'yes' }),
      `${where}: active is "yes"; expected true or false`,
    ],
    [
      'no metric',
      JSON.stringify({ ...configuration, demand: undefined }),
      `${where}: demand is missing; expected an object`,
    ],
    [
      'limits in the wrong order',
      JSON.stringify({ ...configuration, settings: { ...configuration.settings, minCapacity: 30 } }),
      `${where}: settings.minCapacity (30) is above settings.maxCapacity (20)`,
    ],
    [
      'several problems',
      JSON.stringify({
        ...configuration,
        resourceId: '',
        demand: { ...configuration.demand, dimensions: { EndpointName: 7 } },
        settings: { ...configuration.settings, serviceSeconds: 0, maxCapacity: 2.5 },
      }),
      `${where}:\n  - resourceId is ""; expected non-empty text\n` +
        '  - demand.dimensions.EndpointName is 7; expected non-empty text\n' +
        '  - settings.serviceSeconds is 0; expected a number above 0\n' +
        '  - settings.maxCapacity is 2.5; expected a whole number of at least 0',
    ],
  ])('is refused with %s', (_name, text, message) => {
    expect(() => parseForecasterConfiguration(text)).toThrow(message);
  });
});
