// The tables of the dashboard: one line for each kind of row that screens show live.

import type { Environment } from '../../../src/client/types.ts';
import { Rows } from './rows.ts';

export const environments = new Rows<Environment>({
  kind: 'environments',
  idOf: (row) => row.name,
  page: (client, paging) => client.environments(paging),
});
