// The ledger of a worker beside the server, for jobs that come by way of Redis: all over HTTP, in the space of one client.

import type { Client } from '../../client/client.ts';
import { type Failure, failureWords, isTransient } from '../../client/outcome.ts';
import type { Desk } from '../../provision/desk.ts';
import { type Fate, type Ledger, NoSuchSpace } from '../../sidekiq/ledger.ts';

const pageSize = 500;

export function remoteLedger(client: Client, desk: Desk): Ledger {
  return {
    desk,
    standing: async (job) => {
      for (let cursor: string | null = ''; cursor !== null; ) {
        const page = await client.jobs({ limit: pageSize, ...(cursor === '' ? {} : { cursor }) });
        if (!page.ok) throw troubleOf(page);
        const found = page.value.items.find(({ id }) => id === job);
        if (found !== undefined) return found.state;
        cursor = page.value.next;
      }
      return null;
    },
    askBuild: async (id, { image, nameTemplate, subnet, securityGroup, slackChannel, ...spec }) => {
      const given = Object.entries({ image, nameTemplate, subnet, securityGroup, slackChannel });
      const asked = Object.fromEntries(given.filter(([, value]) => value !== null));
      const reply = await client.createBuild({ id, ...spec, ...asked });
      return reply.ok ? { ok: true } : fateOf(reply, reply.kind === 'problem' && reply.status === 400);
    },
    terminate: async (id) => {
      const reply = await client.terminateInstance(id);
      if (reply.ok) return { ok: true };
      const isUnknown = reply.kind === 'problem' && reply.problem.code === 'instance_unknown';
      if (isUnknown) {
        const past = await client.events({ subject: id, kind: 'instance.gone', limit: 1 });
        if (past.ok && past.value.items.length > 0) return { ok: true };
      }
      return fateOf(reply, isUnknown);
    },
  };
}

function fateOf(failure: Failure, isFinal: boolean): Fate {
  if (failure.kind === 'unreachable' || isTransient(failure) || failure.problem.code === 'space_unknown')
    throw troubleOf(failure);
  return { ok: false, reason: failure.problem.detail, isFinal };
}

/** Thrown: then the job is put off. */
function troubleOf(failure: Failure): Error {
  if (failure.kind === 'problem' && failure.problem.code === 'space_unknown')
    return new NoSuchSpace(failure.problem.detail);
  return new Error(failureWords(failure));
}
