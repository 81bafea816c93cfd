// The tables of the dashboard: one line for each kind of row that screens show live.

import type { Barrier, Environment, Freeze, Signal } from '../../../src/client/types.ts';
import type { Build, Image, Instance, Job, Pool } from '../../../src/client/types-machines.ts';
import { Rows } from './rows.ts';

export const environments = new Rows<Environment>({
  kind: 'environments',
  idOf: (row) => row.name,
  page: (client, paging) => client.environments(paging),
});

export const freezes = new Rows<Freeze>({
  kind: 'freezes',
  idOf: (row) => row.name,
  page: (client, paging) => client.freezes(paging),
});

export const builds = new Rows<Build>({
  kind: 'builds',
  idOf: (row) => row.id,
  page: (client, paging) => client.builds(paging),
});

export const instances = new Rows<Instance>({
  kind: 'instances',
  idOf: (row) => row.id,
  page: (client, paging) => client.instances(paging),
});

export const jobs = new Rows<Job>({
  kind: 'jobs',
  idOf: (row) => row.id,
  page: (client, paging) => client.jobs(paging),
});

export const pools = new Rows<Pool>({
  kind: 'pools',
  idOf: (row) => row.name,
  page: (client, paging) => client.pools(paging),
});

export const images = new Rows<Image>({
  kind: 'images',
  idOf: (row) => row.id,
  page: (client, paging) => client.images(paging),
});

export const signals = new Rows<Signal>({
  kind: 'signals',
  idOf: (row) => row.name,
  page: (client, paging) => client.signals(paging),
});

export const barriers = new Rows<Barrier>({
  kind: 'barriers',
  // As the stream names them: a generation stands behind a tab, which is in no name.
  idOf: ({ name, generation }) => (generation === '' ? name : `${name}\t${generation}`),
  page: (client, paging) => client.barriers(paging),
});
