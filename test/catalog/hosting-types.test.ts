import { ProductionVariantInstanceType } from '@aws-sdk/client-sagemaker';
import { hostingTypeNames, isHostingType } from '../../lib/catalog/hosting-types';
import { instanceTypeNames } from '../../lib/catalog/instance-types';

test('the hosting types are those of the SageMaker API', () => {
  expect(hostingTypeNames().sort()).toEqual(Object.values(ProductionVariantInstanceType).sort());
});

test('every type of the catalog can host', () => {
  expect(instanceTypeNames().filter((name) => !isHostingType(name))).toEqual([]);
});
