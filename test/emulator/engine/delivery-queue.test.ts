import { DeliveryQueue } from '../../../lib/emulator/engine/delivery-queue';

/** A promise that is resolved from outside. */
function gate(): { readonly passed: Promise<void>; readonly open: () => void } {
  let open!: () => void;
  const passed = new Promise<void>((resolve) => (open = resolve));
  return { passed, open };
}

test('deliveries go out one after the other, also after a failure', async () => {
  const logged: string[] = [];
  const sent: number[] = [];
  const gates = [gate(), gate(), gate()];
  const queue = new DeliveryQueue((message) => logged.push(message));
  gates.forEach(({ passed }, index) =>
    queue.add(`call ${index}`, async () => {
      await passed;
      if (index === 1) throw new Error('refused');
      sent.push(index);
    }),
  );
  for (const { open } of [...gates].reverse()) open();
  await queue.flush();
  expect(sent).toEqual([0, 2]);
  expect(logged).toEqual(['call 1 failed: refused']);
});

test('a closed queue discards what waits and accepts nothing more', async () => {
  const sent: string[] = [];
  const { passed, open } = gate();
  const queue = new DeliveryQueue(() => undefined);
  queue.add('first', async () => {
    await passed;
    sent.push('first');
  });
  queue.add('second', async () => void sent.push('second'));
  const closed = queue.close();
  queue.add('third', async () => void sent.push('third'));
  open();
  await closed;
  expect(sent).toEqual(['first']);
});
