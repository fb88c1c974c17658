/** The little SVG that pictures are written in: elements as strings, text escaped. */

import { ink, paper } from './palette.ts';

export type SvgAttributes = Readonly<Record<string, string | number>>;

/** `<name a="1">children</name>`; numbers are rounded to 2 digits. Children are SVG already. */
export function svgElement(
  name: string,
  attributes: SvgAttributes,
  ...children: readonly string[]
): string {
  const written = Object.entries(attributes).map(
    ([key, value]) => ` ${key}="${typeof value === 'number' ? round(value) : escapeXml(value)}"`,
  );
  const open = `<${name}${written.join('')}`;
  return children.length === 0 ? `${open}/>` : `${open}>${children.join('')}</${name}>`;
}

/** A text element; `content` is plain text. */
export function svgText(content: string, attributes: SvgAttributes): string {
  return svgElement('text', attributes, escapeXml(content));
}

/** What a whole picture is: its size, and what it is called by those who cannot see it. */
export interface SvgPicture {
  readonly width: number;
  readonly height: number;
  readonly title: string;
  readonly description: string;
}

/**
 * A self-contained SVG file on a white ground of its own, so that it reads the same on light and on dark pages.
 * Its `title` and `desc` are what screen readers say.
 */
export function svgDocument(picture: SvgPicture, parts: readonly string[]): string {
  const width = Math.ceil(picture.width);
  const height = Math.ceil(picture.height);
  const attributes = {
    xmlns: 'http://www.w3.org/2000/svg',
    width,
    height,
    viewBox: `0 0 ${width} ${height}`,
    role: 'img',
    'font-family': 'system-ui, -apple-system, "Segoe UI", Helvetica, Arial, sans-serif',
    fill: ink,
  };
  const lines = [
    svgElement('title', {}, escapeXml(picture.title)),
    svgElement('desc', {}, escapeXml(picture.description)),
    svgElement('rect', { width: '100%', height: '100%', fill: paper }),
    ...parts.filter((part) => part !== ''),
  ];
  return `${svgElement('svg', attributes, `\n${lines.join('\n')}\n`)}\n`;
}

/** Text that is safe as content and inside quotes; characters that XML forbids become `�`. */
export function escapeXml(text: string): string {
  return (
    text
      // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what XML 1.0 forbids
      .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, '\ufffd')
      .replace(/\p{Surrogate}/gu, '\ufffd')
      .replaceAll('&', '&amp;')
      .replaceAll('<', '&lt;')
      .replaceAll('>', '&gt;')
      .replaceAll('"', '&quot;')
  );
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
