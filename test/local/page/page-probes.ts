/** Questions to a page, as JavaScript that runs in the browser. */

/** Pixels of a chart that are not of its ground. */
export const paintedPixels = (chartId: string): string => `(() => {
  const canvas = document.querySelector('#${chartId} canvas');
  const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
  let count = 0;
  for (let at = 3; at < data.length; at += 4) if (data[at] > 0) count += 1;
  return count;
})()`;

/** Whether the text of an element contains some text. */
export const says = (selector: string, text: string): string =>
  `document.querySelector(${JSON.stringify(selector)}).textContent.includes(${JSON.stringify(text)})`;

/** How wide the page wants to be, how wide the window is, and where the charts end. */
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
  for (const element of document.querySelectorAll('h1,h2,p,dt,dd,strong,span,time,li,label,footer,th,td')) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim() !== '');
    if (!own || element.closest('.visually-hidden') !== null) continue;
    const [a, b] = [luminance(parse(getComputedStyle(element).color)), luminance(ground(element))];
    const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (contrast < lowest.contrast) lowest = { contrast, text: element.textContent };
  }
  return lowest;
})()`;
