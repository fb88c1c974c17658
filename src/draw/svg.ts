/** The little SVG that pictures are written in: elements as strings, text escaped. */

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
