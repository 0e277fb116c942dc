import type { LiveMessage, Recording } from '../../recording';
import { createCharts } from './charts';
import { byId, EventList, renderSteps, renderSummary, renderTiles } from './panels';
import { apply, EMPTY } from './store';

const drawCharts = createCharts();
const eventList = new EventList();
let recording: Recording = EMPTY;
let connected = false;
let drawn = false;
let restyle = false;
let announced = 0;

function renderHeader(): void {
  const { header, steps, summary } = recording;
  if (header.stage !== '') {
    const parts = [`stage ${header.stage}`, header.traffic, `clock x ${header.speed}`];
    if (header.chaos) parts.push('with a capacity drop');
    byId('subtitle').textContent = parts.join(' · ');
    document.title = `Tidegate – ${header.stage}`;
  }
  const running = steps.find(({ status }) => status === 'running');
  const failed = steps.some(({ status }) => status === 'failed');
  const status = byId('status');
  const [text, tone] =
    summary !== null
      ? summary.ok
        ? ['passed', 'good']
        : ['failed', 'bad']
      : failed
        ? ['failed', 'bad']
        : !connected
          ? ['connection lost', 'warn']
          : running === undefined
            ? ['starting', 'busy']
            : [running.title, 'busy'];
  status.textContent = text!;
  status.dataset['tone'] = tone!;
}

/** Announces the latest new event to screen readers, without alarms and notes. */
function announce(): void {
  const fresh = recording.events.slice(announced).filter(({ kind }) => kind !== 'alarm' && kind !== 'note');
  announced = recording.events.length;
  const latest = fresh.at(-1);
  if (latest !== undefined) byId('live').textContent = `${latest.title}. ${latest.reason}`;
}

function render(): void {
  drawn = true;
  renderHeader();
  renderSummary(recording.summary);
  renderSteps(recording.steps);
  renderTiles(recording);
  eventList.update(recording.events, recording.header.firstRequestAt);
  drawCharts(recording, restyle);
  announce();
  restyle = false;
}

function schedule(): void {
  if (!drawn) return;
  drawn = false;
  requestAnimationFrame(render);
}

function listen(): void {
  const source = new EventSource('events');
  source.addEventListener('open', () => {
    connected = true;
    schedule();
  });
  source.addEventListener('error', () => {
    connected = false;
    if (recording.summary !== null) source.close();
    schedule();
  });
  source.addEventListener('message', ({ data }: MessageEvent<string>) => {
    connected = true;
    recording = apply(recording, JSON.parse(data) as LiveMessage);
    schedule();
  });
}

matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
  restyle = true;
  schedule();
});

const recorded = document.getElementById('recording');
if (recorded === null) {
  listen();
} else {
  recording = JSON.parse(recorded.textContent ?? '') as Recording;
  connected = true;
}
render();
