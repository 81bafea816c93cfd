// What every route needs, put together once in main.ts and handed down.

import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type {
  FastifyBaseLogger,
  FastifyInstance,
  RawReplyDefaultExpression,
  RawRequestDefaultExpression,
  RawServerDefault,
} from 'fastify';
import type { Task } from '../api/schemas-machines.ts';
import type { Outcome } from '../core/errors.ts';
import type { WorkCommand } from '../core/machines/work.ts';
import type { BuildRow } from '../core/rows.ts';
import type { Prober } from '../probes/prober.ts';
import type { Ids } from '../replica/ids.ts';
import type { Space, Spaces } from '../replica/spaces.ts';
import type { Authentication } from './auth.ts';
import type { Metrics } from './metrics.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** See route-list.ts. */
    only405?: boolean;
  }
  interface FastifyRequest {
    /** Which space it is for; see entrance.ts. */
    space: Space;
  }
}

export interface HttpSettings {
  readonly version: string;
  /** For links; null = the address that the request came to. */
  readonly publicUrl: string | null;
  readonly maxConnections: number;
  readonly maxStreams: number;
  /** Whether other machines can reach it although there is no key. */
  readonly insecure: boolean;
  /** Whether a path at the root that is nothing else is a signal. */
  readonly rendezvous: boolean;
  /** How long a wait of the older systems lasts when it does not say. */
  readonly timeoutSeconds: number;
}

/** Init scripts, as src/provision/init-script.ts makes them. */
export interface Scripts {
  /** The secret of a build, from that of its space. */
  secretOf(spaceSecret: string, build: string): string;
  /** Null where the build has none. */
  render(build: BuildRow, space: { readonly name: string; readonly secret: string }, baseUrl: string): string | null;
}

/** Where workers beside the server get their jobs, as src/provision/desk.ts makes it. */
export interface Desk {
  claim(worker: string, holdMs: number, job?: string): Promise<Task | null>;
  tell(claim: { readonly job: string; readonly number: number }, command: WorkCommand): Promise<Outcome<Task>>;
}

export interface Context {
  readonly spaces: Spaces;
  readonly prober: Prober;
  /** What makes machines, for people; null where nothing does. */
  readonly driver: string | null;
  readonly scripts: Scripts;
  readonly deskOf: (space: Space) => Desk;
  readonly ids: Ids;
  readonly auth: Authentication;
  readonly metrics: Metrics;
  readonly settings: HttpSettings;
  /** Aborted when the server begins to stop: whoever is on the line is answered. */
  readonly stopping: AbortSignal;
  /** Has the whole server stop, as the signal TERM does. */
  readonly shutDown: () => void;
  /** Where people reach this server, without a slash at the end. */
  baseUrl: string;
}

export type App = FastifyInstance<
  RawServerDefault,
  RawRequestDefaultExpression,
  RawReplyDefaultExpression,
  FastifyBaseLogger,
  TypeBoxTypeProvider
>;
