/** Questions to a page, as JavaScript that runs in the browser. */

/** Pixels of a chart that are not of its ground. */
export const paintedPixels = (chartId: string): string => `(() => {
  const canvas = document.querySelector('#${chartId} canvas');
  const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
  let count = 0;
  for (let at = 3; at < data.length; at += 4) if (data[at] > 0) count += 1;
  return count;
})()`;

/** True if the text of an element contains a text. */
export const says = (selector: string, text: string): string =>
  `document.querySelector(${JSON.stringify(selector)}).textContent.includes(${JSON.stringify(text)})`;

/** Widths of page and window, and the right edges of the charts. */
export const WIDTHS = `({
  page: document.documentElement.scrollWidth,
  window: innerWidth,
  charts: [...document.querySelectorAll('.uplot')].map((chart) => chart.getBoundingClientRect().right),
})`;

/** The text with the lowest contrast to the ground behind it, and that contrast (WCAG 2). */
export const LOWEST_CONTRAST = `(() => {
  const parse = (color) => (color.match(/[\\d.]+/g) ?? []).map(Number);
  const luminance = (channels) => {
    const [r, g, b] = channels.slice(0, 3).map((value) => {
      const share = value / 255;
      return share <= 0.03928 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (element) => {
    for (let at = element; at !== null; at = at.parentElement) {
      const channels = parse(getComputedStyle(at).backgroundColor);
      if (channels.length === 3 || channels[3] === 1) return channels;
    }
    return [255, 255, 255];
  };
  let lowest = { contrast: 21, text: '' };
  for (const element of document.body.querySelectorAll('*')) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim() !== '');
    if (!own || element.closest('.visually-hidden, script, style, title, desc') !== null) continue;
    const style = getComputedStyle(element);
    const ink = element instanceof SVGElement ? style.fill : style.color;
    const [a, b] = [luminance(parse(ink)), luminance(ground(element))];
    const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (contrast < lowest.contrast) lowest = { contrast, text: element.textContent };
  }
  return lowest;
})()`;

/** Pairs of visible texts that overlap, and texts that reach beyond the window. */
export const MISPLACED_TEXTS = `(() => {
  const boxes = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode;
    const element = node.parentElement;
    const text = node.textContent.trim();
    if (text === '' || element.closest('.visually-hidden, script, style, title, desc') !== null) continue;
    if (!element.checkVisibility({ contentVisibilityAuto: true, opacityProperty: true, visibilityProperty: true })) continue;
    const range = document.createRange();
    range.selectNodeContents(node);
    for (const rect of element instanceof SVGElement ? [element.getBoundingClientRect()] : range.getClientRects()) {
      const box = { left: rect.left, right: rect.right, top: rect.top, bottom: rect.bottom, text, node };
      // Contents of a box that scrolls are seen within it only.
      for (let at = element; at !== null && at !== document.documentElement; at = at.parentElement) {
        const { overflowX, overflowY } = getComputedStyle(at);
        if ((overflowX === 'visible' && overflowY === 'visible') || at instanceof SVGElement || at === document.body) continue;
        const clip = at.getBoundingClientRect();
        box.left = Math.max(box.left, clip.left);
        box.right = Math.min(box.right, clip.right);
        box.top = Math.max(box.top, clip.top);
        box.bottom = Math.min(box.bottom, clip.bottom);
      }
      if (box.right - box.left > 1 && box.bottom - box.top > 1) boxes.push(box);
    }
  }
  const found = boxes
    .filter(({ left, right }) => left < -0.5 || right > innerWidth + 0.5)
    .map(({ text }) => 'beyond the window: ' + text.slice(0, 60));
  // Line boxes of neighbours touch; letters do not fill them.
  for (let a = 0; a < boxes.length; a++) {
    for (let b = a + 1; b < boxes.length; b++) {
      const [one, other] = [boxes[a], boxes[b]];
      if (one.node === other.node) continue;
      const width = Math.min(one.right, other.right) - Math.max(one.left, other.left);
      const height = Math.min(one.bottom, other.bottom) - Math.max(one.top, other.top);
      if (width > 1 && height > 0.25 * Math.min(one.bottom - one.top, other.bottom - other.top)) {
        found.push(one.text.slice(0, 40) + ' / ' + other.text.slice(0, 40));
      }
    }
  }
  return found;
})()`;
