/** Reads back what the pictures are made of: elements with their attributes, and the boxes that texts take. */
import { textWidth } from '../../src/draw/palette.ts';

export interface ReadElement {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  /** The text of text elements. */
  readonly text: string;
}

export interface Box {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

export interface ReadText extends Box {
  readonly text: string;
}

/** Every element of a picture, in the order in which they are drawn. */
export function readElements(svg: string): readonly ReadElement[] {
  return [...svg.matchAll(/<([a-z]+)((?: [\w:-]+="[^"]*")*)\/?>([^<]*)/g)].map(
    ([, name = '', attributes = '', text = '']) => ({
      name,
      attributes: Object.fromEntries(
        [...attributes.matchAll(/ ([\w:-]+)="([^"]*)"/g)].map(([, key, value]) => [key, value]),
      ),
      text: text.replaceAll('&amp;', '&').replaceAll('&lt;', '<').replaceAll('&gt;', '>'),
    }),
  );
}

/** The texts of a picture with the room that they take in a wide font. */
export function readTexts(svg: string): readonly ReadText[] {
  return readElements(svg)
    .filter(({ name }) => name === 'text')
    .map(({ attributes, text }) => {
      const [x, y, size] = ['x', 'y', 'font-size'].map((key) => Number(attributes[key]));
      const width = textWidth(text, size!, attributes['font-weight'] !== undefined);
      const anchor = attributes['text-anchor'] ?? 'start';
      const left = x! - (anchor === 'middle' ? width / 2 : anchor === 'end' ? width : 0);
      return { text, left, right: left + width, top: y! - 0.74 * size!, bottom: y! + 0.22 * size! };
    });
}

/** The boxes of rectangles with some attribute. */
export function readBoxes(svg: string, attribute: string): readonly (Box & { value: string })[] {
  return readElements(svg)
    .filter(({ name, attributes }) => name === 'rect' && attributes[attribute] !== undefined)
    .map(({ attributes }) => {
      const [x, y, width, height] = ['x', 'y', 'width', 'height'].map((key) =>
        Number(attributes[key]),
      );
      const box = { left: x!, right: x! + width!, top: y!, bottom: y! + height! };
      return { ...box, value: attributes[attribute]! };
    });
}

/** What is wrong with the words of a picture: they overlap, cross the edge of a square, or leave the picture. */
export function misplacedWords(svg: string): readonly string[] {
  const texts = readTexts(svg);
  const root = readElements(svg)[0]!.attributes;
  const picture = { left: 0, right: Number(root.width), top: 0, bottom: Number(root.height) };
  const squares = readBoxes(svg, 'data-channel');
  return texts.flatMap((a, i) => [
    ...(isWithin(a, picture) ? [] : [`"${a.text}" leaves the picture`]),
    ...texts
      .slice(i + 1)
      .filter((b) => overlap(a, b))
      .map((b) => `"${a.text}" overlaps "${b.text}"`),
    ...squares
      .filter((square) => overlap(a, square) && !isWithin(a, square))
      .map((square) => `"${a.text}" crosses the edge of channel ${square.value}`),
  ]);
}

function overlap(a: Box, b: Box): boolean {
  return a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
}

function isWithin(a: Box, b: Box): boolean {
  return a.left >= b.left && a.right <= b.right && a.top >= b.top && a.bottom <= b.bottom;
}
