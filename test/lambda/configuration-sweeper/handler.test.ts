import { createHandler } from '../../../lambda/configuration-sweeper/handler';
import type { HostingConfigurations } from '../../../lambda/clients/hosting-configurations';
import type { SweptHost } from '../../../lib/inference/contract';

const DAY = 86_400;
const NOW = 100 * DAY;

const chat: SweptHost = { kind: 'endpoint', name: 'chat' };
const legal: SweptHost = { kind: 'inference-component', name: 'legal' };

/** Two hosts with one replaced configuration or model each, thirty days old. */
function createWorld({ unreadable }: { readonly unreadable?: string } = {}) {
  const deleted: string[] = [];
  const at = (day: number): number => day * DAY;
  const hosting: HostingConfigurations = {
    inUse: ({ kind, name }) =>
      name === unreadable
        ? Promise.reject(new Error('ThrottlingException'))
        : Promise.resolve({
            isSettled: true,
            names: {
              configNames: kind === 'endpoint' ? [`${name}-new`] : [],
              modelNames: [`${name}-model-new`],
            },
          }),
    taggedConfigs: () =>
      Promise.resolve([
        { name: 'chat-old', createdAt: at(60), modelNames: [], hostedBy: 'endpoint/chat' },
        { name: 'chat-new', createdAt: at(70), modelNames: ['chat-model-new'], hostedBy: 'endpoint/chat' },
        { name: 'other-old', createdAt: at(60), modelNames: [], hostedBy: 'endpoint/other' },
        { name: 'other-new', createdAt: at(70), modelNames: [], hostedBy: 'endpoint/other' },
      ]),
    taggedModels: () =>
      Promise.resolve([
        { name: 'legal-model-old', createdAt: at(60), hostedBy: 'inference-component/legal' },
        { name: 'legal-model-new', createdAt: at(70), hostedBy: 'inference-component/legal' },
      ]),
    deleteConfig: (name) => Promise.resolve(void deleted.push(`config ${name}`)),
    deleteModel: (name) => Promise.resolve(void deleted.push(`model ${name}`)),
  };
  const handler = createHandler({
    configuration: {
      hosts: [chat, legal],
      declaredConfigNames: ['chat-new'],
      declaredModelNames: ['legal-model-new'],
      retentionSeconds: 7 * DAY,
    },
    hosting,
    clock: { now: () => NOW },
    logger: { info: () => undefined } as never,
  });
  return { handler, deleted };
}

test('sweeps what belongs to its hosts and leaves the configurations of other endpoints alone', async () => {
  const { handler, deleted } = createWorld();
  expect(await handler()).toEqual({ configNames: ['chat-old'], modelNames: ['legal-model-old'] });
  expect(deleted).toEqual(['config chat-old', 'model legal-model-old']);
});

test('sweeps the other hosts when one cannot be read, deletes nothing of that one, and fails aloud', async () => {
  const { handler, deleted } = createWorld({ unreadable: 'chat' });
  await expect(handler()).rejects.toThrow('some hosts could not be swept: endpoint/chat: Error: ThrottlingException');
  expect(deleted).toEqual(['model legal-model-old']);
});
