// Init scripts: what a machine runs when it starts. What always holds:
//   - user data has nothing secret in it but an address with the secret of one build, which opens its script for a while and
//     nothing else (B7); that secret is derived, so it is the same after any crash, and is kept nowhere;
//   - a script is made when it is fetched, from the row of its build and the settings of the server that is asked, so that what it
//     carries (keys of machines) is never in the store;
//   - what is wrong with a template is told before the server starts.

import { createHmac } from 'node:crypto';
import {
  render,
  type ScriptTemplates,
  scriptVariables,
  type Template,
  templateFaults,
} from '../core/machines/template.ts';
import type { BuildRow } from '../core/rows.ts';

/** What a script and its address need to know of a space. */
export interface ScriptSpace {
  readonly name: string;
  /** Of the space, from which those of its builds are derived. */
  readonly secret: string;
}

/** The secret of a build: whoever shows it may fetch its init script. */
export function scriptSecret(spaceSecret: string, build: string): string {
  // Ids of builds are chosen by whoever asks: the text before keeps them apart from ids of leases, whose secrets are made alike.
  return createHmac('sha256', spaceSecret).update(`init-script ${build}`).digest('base64url');
}

/** The first thing that is wrong with any of the templates: where, in which line, and what; null: nothing. */
export function scriptFault({ usual, queues, roles }: ScriptTemplates): string | null {
  for (const template of [...(usual === null ? [] : [usual]), ...queues.values(), ...roles.values()]) {
    const [fault] = templateFaults(template.text, scriptVariables);
    if (fault !== undefined) return `${template.from}, ${fault}`;
  }
  return null;
}

/** What is asked of a build. */
type Build = Pick<BuildRow, 'id' | 'spec'>;

export class InitScripts {
  readonly #templates: ScriptTemplates;

  constructor(templates: ScriptTemplates) {
    this.#templates = templates;
  }

  readonly secretOf = scriptSecret;

  get hasAny(): boolean {
    const { usual, queues, roles } = this.#templates;
    return usual !== null || queues.size + roles.size > 0;
  }

  /** `baseUrl`: where machines reach this server. Null: the build has none. */
  render(build: Build & Pick<BuildRow, 'steps'>, space: ScriptSpace, baseUrl: string): string | null {
    const template = this.#templateOf(build);
    return template === null ? null : render(template.text, this.#values(build, space, baseUrl));
  }

  /** What machines of a build get as user data; null where no template is for it. */
  userDataFor(baseUrl: string, space: ScriptSpace, build: Build): string | null {
    if (this.#templateOf(build) === null) return null;
    return `#include ${addressFor(baseUrl, space, `init-scripts/${encodeURIComponent(build.id)}`, build.id)}\n`;
  }

  #templateOf({ spec }: Build): Template | null {
    const { usual, queues, roles } = this.#templates;
    return queues.get(spec.queue) ?? roles.get(spec.role) ?? usual;
  }

  #values(
    build: Build & Pick<BuildRow, 'steps'>,
    space: ScriptSpace,
    baseUrl: string,
  ): Record<(typeof scriptVariables)[number], string> {
    const { env, site, queue, role, instanceType, count, slackChannel } = build.spec;
    const { InstanceRSA = '', InstanceYML = '', PapertrailSite = '' } = this.#templates.values;
    return {
      ...{ Env: env, Site: site, Queue: queue, Role: role, InstanceType: instanceType, Count: String(count) },
      AMI: imageOf(build),
      ...{ InstanceRSA, InstanceYML, PapertrailSite },
      SlackChannel: slackChannel ?? this.#templates.slackChannel ?? '',
      InstanceBuildID: build.id,
      // With its secret, so that the machine can say that it is ready without any key.
      InstanceBuildURL: addressFor(baseUrl, space, `instance-builds/${encodeURIComponent(build.id)}`, build.id),
    };
  }
}

/** The image that its machines are made from, as far as it is known. */
function imageOf({ spec, steps }: Pick<BuildRow, 'spec' | 'steps'>): string {
  return spec.image ?? steps.find(({ name }) => name === 'image')?.facts.image ?? '';
}

/** An address here that carries the space as its user and the secret of the build as its password. */
function addressFor(baseUrl: string, { name, secret }: ScriptSpace, path: string, build: string): string {
  const { protocol, host, pathname } = new URL(baseUrl);
  const who = [name, scriptSecret(secret, build)].map(encodeURIComponent).join(':');
  return `${protocol}//${who}@${host}${pathname.replace(/\/+$/, '')}/${path}`;
}
