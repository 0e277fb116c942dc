import type * as mosquitto from '../../lib/emulator/edge/mosquitto';
import { driftEdgeStep, edgeStep } from '../../lib/local/tour/learning/edge';
import { type LearningContext, LearningProgress } from '../../lib/local/tour/learning/progress';
import { SkippedStep } from '../../lib/local/tour/plan';

jest.mock('../../lib/emulator/edge/mosquitto', () => ({
  ...jest.requireActual<typeof mosquitto>('../../lib/emulator/edge/mosquitto'),
  findMosquitto: () => undefined,
}));

test.each([
  ['edge device', edgeStep],
  ['edge device after the drift', driftEdgeStep],
])('a machine without mosquitto skips the step of the %s, and says how to get it', async (_name, take) => {
  const step = take({} as LearningContext, new LearningProgress());
  await expect(step).rejects.toThrow(
    new SkippedStep('it needs mosquitto: apt-get install mosquitto, or set MOSQUITTO_PATH to the program'),
  );
  await expect(step).rejects.toBeInstanceOf(SkippedStep);
});
