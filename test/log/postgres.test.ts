// The log on PostgreSQL does what every log does.

import { afterAll, beforeAll, describe } from 'vitest';
import { durableConformance, logConformance, type Place } from './conformance.ts';
import { openPostgresLog } from './opened.ts';
import { type Cluster, startCluster } from './postgres-cluster.ts';

let cluster: Cluster;
beforeAll(async () => {
  cluster = await startCluster();
});
afterAll(() => cluster.stop());

function newPlace(): Place {
  let database: string | null = null;
  return {
    open: async () => {
      database ??= await cluster.newDatabase();
      return openPostgresLog(cluster.url(database));
    },
    clear: async () => {
      await cluster.query(`DROP DATABASE ${database} (FORCE)`);
    },
  };
}

describe('postgres:', () => {
  logConformance(newPlace);
  durableConformance(newPlace);
});
