import type { EpochSeconds } from '../../../core/time';
import type { EventKind, Recording, RunSummary, StepProgress, StepStatus, TimelineEvent } from '../../recording';
import { formatClock, formatMoment, formatTimeOfDay } from '../format-clock';
import { formatDollars, formatNumber } from './format';

const STATUS_SIGNS: { readonly [status in StepStatus]: string } = {
  waiting: '',
  running: '▸ ',
  done: '✓ ',
  skipped: '– ',
  failed: '✕ ',
};
const KIND_WORDS: { readonly [kind in EventKind]: string } = {
  'scale-out': '▲ out',
  'scale-in': '▼ in',
  guard: 'guard',
  capacity: 'capacity',
  alarm: 'alarm',
  training: 'training',
  problem: 'problem',
  note: 'note',
};
/** Alarms change state often, so they are hidden by default. */
const HIDDEN_AT_FIRST: readonly EventKind[] = ['alarm'];

export function byId(id: string): HTMLElement {
  return document.getElementById(id)!;
}

function element(tag: string, text: string, attributes: { readonly [name: string]: string } = {}): HTMLElement {
  const made = document.createElement(tag);
  made.textContent = text;
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}

export function renderSteps(steps: readonly StepProgress[]): void {
  byId('steps').replaceChildren(
    ...steps.map(({ title, status, detail }) => {
      const item = document.createElement('li');
      item.dataset['status'] = status;
      if (status === 'running') item.setAttribute('aria-current', 'step');
      item.append(
        element('strong', `${STATUS_SIGNS[status]}${title}`),
        element('span', status, { class: 'visually-hidden' }),
        element('span', detail, { class: 'detail' }),
      );
      return item;
    }),
  );
}

interface Tile {
  readonly label: string;
  readonly value: string;
  readonly note: string;
  readonly tone?: string;
}

function tilesOf({ header, samples }: Recording): Tile[] {
  const last = samples.at(-1);
  const inService = Object.values(last?.instancesByType ?? {}).reduce((sum, count) => sum + count, 0);
  const level = last?.guardLevel ?? 'ok';
  return [
    {
      label: 'Elapsed',
      value: last === undefined ? '–' : formatClock(last.second),
      note: [
        ...(header.trafficSeconds > 0 ? [`of ${formatClock(header.trafficSeconds)} of traffic`] : []),
        ...(header.firstRequestAt === null ? [] : [`since ${formatMoment(header.firstRequestAt)}`]),
      ].join(', '),
    },
    {
      label: 'Traffic',
      value: last === undefined ? '–' : `${formatNumber(last.requestsPerSecond)}/s`,
      note: 'requests sent, last minute',
    },
    {
      label: 'Instances',
      value: last === undefined ? '–' : formatNumber(inService),
      note:
        last === undefined
          ? ''
          : `${last.desiredInstances} desired, ${last.provisioningInstances} starting, at most ${formatNumber(last.maxInstances)}`,
    },
    { label: 'p95 latency', value: formatNumber(last?.p95, 's'), note: `p99 ${formatNumber(last?.p99, 's')}` },
    {
      label: 'p95 of service',
      value: formatNumber(last?.serviceP95, 's'),
      note: `queue in the endpoint ${formatNumber(last?.queueP95, 's')}, waiting in the stream ${formatNumber(last?.streamP95, 's')}`,
    },
    {
      label: 'Waiting',
      value: last === undefined ? '–' : formatNumber(last.queued + last.streamBacklog),
      note: last === undefined ? '' : `${last.queued} in the endpoint, ${last.streamBacklog} in the stream`,
    },
    {
      label: 'Spend',
      value: formatDollars(last?.spendUsd),
      note: header.budgetUsd === null ? 'no budget set' : `budget ${formatDollars(header.budgetUsd)}`,
    },
    {
      label: 'Cost guard',
      value: level,
      note: level === 'ok' ? 'no limit set' : level === 'warn' ? 'notification sent' : 'maximum reduced',
      tone: level === 'ok' ? 'good' : level === 'shrink' ? 'bad' : 'warn',
    },
  ];
}

export function renderTiles(recording: Recording): void {
  byId('tiles').replaceChildren(
    ...tilesOf(recording).map(({ label, value, note, tone }) => {
      const tile = document.createElement('div');
      tile.append(
        element('dt', label),
        element('dd', value, tone === undefined ? {} : { 'data-tone': tone }),
        element('dd', note, { class: 'note' }),
      );
      return tile;
    }),
  );
}

export function renderSummary(summary: RunSummary | null): void {
  byId('summary').hidden = summary === null;
  if (summary === null) return;
  byId('problems').replaceChildren(...summary.problems.map((problem) => element('li', problem)));
  byId('summary-items').replaceChildren(
    ...summary.items.map(({ label, value, good }) => {
      const tile = document.createElement('div');
      const tone: { [name: string]: string } = good === null ? {} : { 'data-tone': good ? 'good' : 'bad' };
      tile.append(element('dt', label), element('dd', value, tone));
      return tile;
    }),
  );
}

/** List of events, newest first, with a filter for each kind that occurred. */
export class EventList {
  private readonly hidden = new Set<EventKind>(HIDDEN_AT_FIRST);
  private readonly kinds = new Set<EventKind>();
  private events: readonly TimelineEvent[] = [];
  private origin: EpochSeconds | null = null;
  private shown = 0;

  /** @param origin moment of second 0; null shows elapsed times */
  public update(events: readonly TimelineEvent[], origin: EpochSeconds | null): void {
    const grown = events.length >= this.events.length && events[0] === this.events[0] && origin === this.origin;
    this.events = events;
    this.origin = origin;
    for (const { kind } of events) this.addFilter(kind);
    if (!grown) this.rebuild();
    else this.append();
  }

  private addFilter(kind: EventKind): void {
    if (this.kinds.has(kind)) return;
    this.kinds.add(kind);
    const label = document.createElement('label');
    const box = document.createElement('input');
    box.type = 'checkbox';
    box.checked = !this.hidden.has(kind);
    box.addEventListener('change', () => {
      if (box.checked) this.hidden.delete(kind);
      else this.hidden.add(kind);
      this.rebuild();
    });
    label.append(box, KIND_WORDS[kind]);
    byId('filters').append(label);
  }

  private rebuild(): void {
    byId('events').replaceChildren();
    this.shown = 0;
    this.append();
  }

  private append(): void {
    const list = byId('events');
    for (const event of this.events.slice(this.shown)) {
      if (this.hidden.has(event.kind)) continue;
      const item = document.createElement('li');
      const text = document.createElement('div');
      text.append(element('p', event.title), element('p', event.reason, { class: 'quiet' }));
      item.append(
        element('time', this.origin === null ? formatClock(event.second) : formatTimeOfDay(this.origin + event.second)),
        element('span', KIND_WORDS[event.kind], { class: 'badge', 'data-kind': event.kind }),
        text,
      );
      list.prepend(item);
    }
    this.shown = this.events.length;
    byId('no-events').hidden = list.childElementCount > 0;
  }
}
