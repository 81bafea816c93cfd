// What `signalbox.yaml` says, read and checked. What it leaves out is what the defaults say; flags and variables go before it
// (src/config.ts).

import type { DriverGiven } from '../config-values.ts';
import type { EnvironmentChange } from '../core/environment.ts';
import type { ImageChange } from '../core/machines/image.ts';
import type { ScriptTemplates } from '../core/machines/template.ts';
import type { PoolSpec } from '../core/rows.ts';

export interface FileSettings {
  /** As it was named, for people; null: there is none. */
  readonly path: string | null;
  /** What it says of them; the rest stays as people have set it. */
  readonly environments: ReadonlyMap<string, EnvironmentChange>;
  readonly pools: ReadonlyMap<string, PoolSpec>;
  readonly images: ReadonlyMap<string, ImageChange>;
  readonly driver: DriverGiven | null;
  readonly ec2: Ec2FileSettings;
  readonly scripts: Omit<ScriptTemplates, 'slackChannel'>;
  /** How long after the last launch of a build its script may be fetched. */
  readonly scriptSeconds: number;
  readonly notify: NotifySettings;
}

/** As the driver `ec2` takes it: what is left out it chooses itself. */
export interface Ec2FileSettings {
  readonly fallbackTypes?: Readonly<Record<string, readonly string[]>>;
  readonly subnets?: readonly string[];
  readonly sshFrom?: readonly string[];
  readonly vpc?: string;
  readonly tags?: Readonly<Record<string, string>>;
  readonly keyName?: string;
  readonly instanceProfile?: string;
}

export interface NotifySettings {
  readonly slack: {
    /** An address that is a secret: never shown. */
    readonly webhook: string | null;
    /** Where that is told which names no channel of its own. */
    readonly channel: string | null;
  };
  readonly webhooks: readonly WebhookSettings[];
}

export interface WebhookSettings {
  readonly name: string;
  /** May hold a token: never shown. */
  readonly url: string;
  /** What each message is signed with; null: none is. */
  readonly secret: string | null;
  readonly events: readonly string[];
}

export const usualScriptSeconds = 600;

export const noFile: FileSettings = {
  ...{ path: null, environments: new Map(), pools: new Map(), images: new Map(), driver: null, ec2: {} },
  scripts: { usual: null, queues: new Map(), roles: new Map(), values: {} },
  scriptSeconds: usualScriptSeconds,
  notify: { slack: { webhook: null, channel: null }, webhooks: [] },
};
