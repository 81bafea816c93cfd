// Every colour on every ground, computed from the style sheet: text above 4.5, shapes and borders above 3, in light and dark.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';

const css = readFileSync(join(import.meta.dirname, '../../web/src/style/tokens.css'), 'utf8');
const [light = '', dark = ''] = css.split('@media (prefers-color-scheme: dark)');

const grounds = ['ground', 'surface', 'hover'];
const texts = ['text', 'text-second', 'link', 'free', 'held', 'waiting', 'cleaning', 'draining', 'frozen', 'failed'];

function tokens(text: string): Map<string, string> {
  return new Map([...text.matchAll(/--([\w-]+):\s*(#[\da-f]{6});/g)].map(([, name = '', value = '']) => [name, value]));
}

function luminance(colour: string): number {
  const [red = 0, green = 0, blue = 0] = [1, 3, 5].map((at) => {
    const part = Number.parseInt(colour.slice(at, at + 2), 16) / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function contrast(a: string | undefined, b: string | undefined): number {
  const [one, other] = [luminance(a as string), luminance(b as string)];
  return (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
}

describe.each([
  ['light', tokens(light)],
  ['dark', new Map([...tokens(light), ...tokens(dark.split('@media')[0] as string)])],
] as const)('%s', (_, colours) => {
  test.each(
    texts.flatMap((text) => grounds.map((ground) => [text, ground])),
  )('%s on %s can be read', (text, ground) => {
    expect(contrast(colours.get(text as string), colours.get(ground as string))).toBeGreaterThan(4.5);
  });

  test.each(grounds)('the border of a control stands out from %s', (ground) => {
    expect(contrast(colours.get('border'), colours.get(ground))).toBeGreaterThan(3);
  });

  test.each(['strong', 'harm'])('what is written on a %s button can be read', (button) => {
    expect(contrast(colours.get('on-strong'), colours.get(button))).toBeGreaterThan(4.5);
  });
});

test('dark has a value of its own for each colour', () => {
  expect([...tokens(dark).keys()].sort()).toEqual([...tokens(light).keys()].sort());
});
