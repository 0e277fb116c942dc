import type * as mosquitto from '../../lib/emulator/edge/mosquitto';
import { edgeStep } from '../../lib/local/tour/learning/edge';
import { type LearningContext, LearningProgress } from '../../lib/local/tour/learning/progress';
import { SkippedStep } from '../../lib/local/tour/plan';

jest.mock('../../lib/emulator/edge/mosquitto', () => ({
  ...jest.requireActual<typeof mosquitto>('../../lib/emulator/edge/mosquitto'),
  findMosquitto: () => undefined,
}));

test('a machine without mosquitto skips the step of the edge device, and says how to get it', async () => {
  const step = edgeStep({} as LearningContext, new LearningProgress());
  await expect(step).rejects.toThrow(
    new SkippedStep('it needs mosquitto: apt-get install mosquitto, or set MOSQUITTO_PATH to the program'),
  );
  await expect(step).rejects.toBeInstanceOf(SkippedStep);
});
