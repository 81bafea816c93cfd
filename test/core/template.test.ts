// Templates of init scripts and names: what is understood, and that a value comes through as it is.

import { describe, expect, test } from 'vitest';
import { nameVariables, render, scriptVariables, templateFaults } from '../../src/core/machines/template.ts';

const values = Object.fromEntries(scriptVariables.map((name) => [name, `<${name}>`]));

describe('what is understood', () => {
  test.each(scriptVariables)('the variable %s, with blanks around it or not', (name) => {
    const text = `a {{.${name}}} b {{ .${name} }}{{\t.${name}}}`;
    expect(templateFaults(text, scriptVariables)).toEqual([]);
    expect(render(text, values)).toBe(`a <${name}> b <${name}><${name}>`);
  });

  test('a text without any variable is itself, to the last byte', () => {
    const text = '#!/bin/sh\r\nprintf "%s %d\\n" "$1" $& $$ $1 {a,b} { } }}  \nfür 漢字 \\{ ';
    expect(templateFaults(text, scriptVariables)).toEqual([]);
    expect(render(text, values)).toBe(text);
  });

  test('names of machines have variables of their own', () => {
    expect(templateFaults('{{.Role}}-{{.InstanceID}}', nameVariables)).toEqual([]);
    expect(templateFaults('{{.InstanceRSA}}', nameVariables)).toHaveLength(1);
    expect(templateFaults('{{.InstanceID}}', scriptVariables)).toHaveLength(1);
  });
});

test.each([
  ...['%s %d %%', '$& $1 $$ $` $<a> ${', '{{.Env}} {{', '}}', '\\n \\', 'ü 漢\r\n', '', '\u0000'],
])('the value %j is put in as it is', (value) => {
  expect(render('[{{.Env}}|{{.Site}}]', { Env: value, Site: 'org' })).toBe(`[${value}|org]`);
});

describe('what is refused when it is configured', () => {
  const faults = (text: string) => templateFaults(text, scriptVariables);

  test('an unknown variable, with its line and the nearest one', () => {
    expect(faults('#!/bin/sh\n\nexport A={{.Queue}} B={{ .Quuee }}\n')).toEqual([
      'line 3: {{ .Quuee }} is no variable: did you mean {{.Queue}}?',
    ]);
    expect(faults('{{.env}}')).toEqual(['line 1: {{.env}} is no variable: did you mean {{.Env}}?']);
  });

  test('one that is like none, with all there are', () => {
    expect(faults('{{.SomethingElse}}')).toEqual([
      `line 1: {{.SomethingElse}} is no variable: there are ${scriptVariables.join(', ')}`,
    ]);
  });

  test.each([
    ...['{{if .Env}}', '{{ end }}', '{{- .Env -}}', '{{.Env | printf "%q"}}', '{{"{{"}}', '{{}}', '{{Env}}'],
    ...['{{/* a remark */}}', '{{$x}}', '{{.Env.Site}}', '{{{.Env}}}', '{{.Env .Site}}', '{{.__proto__}}'],
  ])('%s', (action) => {
    expect(faults(`a\n${action}\n`)).toHaveLength(1);
    expect(faults(`a\n${action}\n`)[0]).toMatch(/^line 2: \{\{/);
  });

  test('braces that nothing closes on their line', () => {
    expect(faults('a\nb {{.Env\n}} c')).toEqual(['line 2: {{ is not closed by }} on its line']);
  });

  test('every fault is told, in the order of the text', () => {
    expect(faults('{{.A}}\r\n{{.Env}}{{x}}\r\n{{').map((fault) => fault.slice(0, 7))).toEqual([
      ...['line 1:', 'line 2:', 'line 3:'],
    ]);
  });
});

test('a variable without a value is never left out silently', () => {
  expect(() => render('{{.Env}}', {})).toThrow('{{.Env}} has no value');
  expect(() => render('{{.constructor}}', {})).toThrow('no value');
});
