// Init scripts: which template is for which build, what its variables are, and what machines get to find it.

import { describe, expect, test } from 'vitest';
import { noScripts, type ScriptTemplates, scriptVariables } from '../../src/core/machines/template.ts';
import type { BuildRow, BuildSpec } from '../../src/core/rows.ts';
import { InitScripts, scriptFault, scriptSecret } from '../../src/provision/init-script.ts';

const spec: BuildSpec = {
  ...{ site: 'org', env: 'staging', queue: 'docker', role: 'worker', instanceType: 'c3.large', count: 4 },
  ...{ image: null, nameTemplate: null, subnet: null, securityGroup: null, slackChannel: null },
};
const space = { name: 'team-a', secret: 'of the space' };
const template = (text: string, from = 'init.sh') => ({ text, from });
const build = (change: Partial<BuildSpec> = {}, steps: BuildRow['steps'] = []) => ({
  ...{ id: 'bd_1', spec: { ...spec, ...change }, steps },
});
const scripts = (templates: Partial<ScriptTemplates>) => new InitScripts({ ...noScripts, ...templates });
const rendered = (text: string, of = build(), templates: Partial<ScriptTemplates> = {}) =>
  scripts({ usual: template(text), ...templates }).render(of, space, 'https://sb.example/base');

describe('the secret of a build', () => {
  test('is the same each time, and another one for each build and each space', () => {
    const secret = scriptSecret('s', 'bd_1');
    expect(secret).toBe(scriptSecret('s', 'bd_1'));
    expect(secret).toMatch(/^[\w-]{43}$/);
    expect(new Set([secret, scriptSecret('s', 'bd_2'), scriptSecret('t', 'bd_1')]).size).toBe(3);
  });

  test('is not that of a lease, whose id a build may have', async () => {
    const { leaseSecret } = await import('../../src/http/auth.ts');
    expect(scriptSecret('s', 'ls_1')).not.toBe(leaseSecret('s', 'ls_1'));
  });
});

describe('which template is taken', () => {
  const templates = {
    usual: template('usual'),
    queues: new Map([['docker', template('queue')]]),
    roles: new Map([['worker', template('role')]]),
  };

  test.each([
    [{}, 'queue'],
    [{ queue: 'other' }, 'role'],
    [{ role: 'other' }, 'queue'],
    [{ queue: 'other', role: 'other' }, 'usual'],
  ])('of the queue before that of the role before the usual one: %j', (change, wanted) => {
    expect(scripts(templates).render(build(change), space, 'http://x')).toBe(wanted);
  });

  test('none: no script, and nothing for the machine to read', () => {
    const some = scripts({ ...templates, usual: null });
    const other = build({ queue: 'other', role: 'other' });
    expect([some.render(other, space, 'http://x'), some.userDataFor('http://x', space, other)]).toEqual([null, null]);
  });
});

describe('the variables', () => {
  test('are those of the build, and what the server says of the rest', () => {
    const text = scriptVariables.map((name) => `${name}={{.${name}}}`).join('\n');
    const values = { InstanceRSA: 'rsa', InstanceYML: 'a: 1', PapertrailSite: 'pt' };
    const image = { name: 'image', begunAt: 1, doneAt: 2, facts: { image: 'ami-2' } };
    expect(rendered(text, build({}, [image]), { values, slackChannel: '#general' })?.split('\n')).toEqual([
      ...['Env=staging', 'Site=org', 'Queue=docker', 'Role=worker', 'AMI=ami-2', 'InstanceType=c3.large', 'Count=4'],
      ...['InstanceRSA=rsa', 'SlackChannel=#general', 'PapertrailSite=pt', 'InstanceYML=a: 1', 'InstanceBuildID=bd_1'],
      `InstanceBuildURL=https://team-a:${scriptSecret(space.secret, 'bd_1')}@sb.example/base/instance-builds/bd_1`,
    ]);
  });

  test('a channel and an image that were asked for go before others', () => {
    const image = { name: 'image', begunAt: 1, doneAt: 2, facts: { image: 'ami-2' } };
    const of = build({ image: 'ami-1', slackChannel: '#mine' }, [image]);
    expect(rendered('{{.AMI}} {{.SlackChannel}}', of, { slackChannel: '#general' })).toBe('ami-1 #mine');
  });

  test('what is not set is empty', () => {
    expect(rendered('[{{.AMI}}{{.InstanceRSA}}{{.InstanceYML}}{{.PapertrailSite}}{{.SlackChannel}}]')).toBe('[]');
  });
});

test.each([
  ['http://127.0.0.1:8080', 'bd_1', '127.0.0.1:8080/init-scripts/bd_1'],
  ['https://sb.example/base/', 'bd_1', 'sb.example/base/init-scripts/bd_1'],
  ['https://[::1]:1', 'a b/ü?#', '[::1]:1/init-scripts/a%20b%2F%C3%BC%3F%23'],
])('the user data of %s and %s is one line that cloud-init includes', (baseUrl, id, wanted) => {
  const [protocol] = baseUrl.split('//');
  expect(scripts({ usual: template('x') }).userDataFor(baseUrl, space, { ...build(), id })).toBe(
    `#include ${protocol}//team-a:${scriptSecret(space.secret, id)}@${wanted}\n`,
  );
});

test('the first thing that is wrong with a template is told with its file and its line', () => {
  const good = template('{{.Env}}');
  expect(scriptFault({ ...noScripts, usual: good, queues: new Map([['a', good]]) })).toBeNull();
  const bad = { ...noScripts, usual: good, roles: new Map([['web', template('\n\n{{.Quuee}}\n{{if}}', 'web.sh')]]) };
  expect(scriptFault(bad)).toBe('web.sh, line 3: {{.Quuee}} is no variable: did you mean {{.Queue}}?');
});
