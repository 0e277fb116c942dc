import { parseForecasterConfiguration } from '../../../lambda/capacity-forecaster/configuration';
import { floorOf } from '../../../lambda/capacity-forecaster/floor';
import { configuration } from './world';

const where = 'TIDEGATE_FORECASTER_CONFIGURATION';

describe('the configuration', () => {
  test('is read back as it was written', () => {
    expect(parseForecasterConfiguration(JSON.stringify(configuration))).toEqual(configuration);
  });

  test.each<[string, string, string]>([
    ['no JSON', '{', `${where} is no JSON: {`],
    ['no object', '[]', `${where} is no JSON object: []`],
    [
      'a text for active',
      JSON.stringify({ ...configuration, active: 'yes' }),
      `${where}: active is "yes"; use true or false`,
    ],
    [
      'no metric',
      JSON.stringify({ ...configuration, demand: undefined }),
      `${where}: demand is missing; name the metric that counts the requests`,
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
      `${where}:\n  - resourceId is ""; a text is needed\n  - demand.dimensions.EndpointName is 7; a text is needed\n` +
        '  - settings.serviceSeconds is 0; a number above 0 is needed\n' +
        '  - settings.maxCapacity is 2.5; a whole number of instances is needed',
    ],
  ])('is refused with %s', (_name, text, message) => {
    expect(() => parseForecasterConfiguration(text)).toThrow(new Error(message));
  });
});

describe('the minimum to write', () => {
  const declared = { minCapacity: 2, maxCapacity: 10 };
  test.each<[string, number, 'forecast' | 'reactive', number, number]>([
    ['is what the forecast asks for', 5, 'forecast', 10, 5],
    ['is not below the declared minimum', 1, 'forecast', 10, 2],
    ['is not above the maximum in force', 14, 'forecast', 12, 12],
    ['is the declared one when the naive forecast is better', 5, 'reactive', 10, 2],
    ['is the declared one while somebody holds the maximum down', 5, 'forecast', 8, 2],
    ['is the maximum where that is held below the declared minimum', 5, 'forecast', 1, 1],
    ['is the maximum of 0 where growth is forbidden altogether', 5, 'reactive', 0, 0],
  ])('%s', (_name, capacity, mode, maxCapacity, minCapacity) => {
    expect(floorOf({ capacity, mode }, declared, { maxCapacity })).toEqual({
      minCapacity,
      reason: expect.any(String) as unknown,
    });
  });
});
