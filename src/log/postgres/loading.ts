// Reads all that a space holds, as of one moment, page by page. The rows come as they lie and are sorted here: an index on seq
// would cost every turn, and the database would sort a million rows on its disk.

import type { Change, Rows } from '../../core/rows.ts';
import type { Contents } from '../log.ts';
import { StoreError } from '../store-error.ts';
import type { Position } from './learning.ts';
import type { Session } from './session.ts';
import { fromColumn, fromJson, toColumn } from './text.ts';

const ROWS_AT_ONCE = 5_000;

export interface Loaded {
  readonly contents: Omit<Contents, 'isNew'>;
  readonly position: Position;
}

export async function loadSpace(session: Session, space: string, shown: string): Promise<Loaded> {
  const literal = session.literal(toColumn(space));
  const [, metas, turns] = await session.simple(
    `BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
    SELECT epoch, seq, tick, secret FROM meta WHERE space = ${literal};
    SELECT prev, seq, id, tick FROM turn WHERE space = ${literal} ORDER BY prev DESC LIMIT 1;
    DECLARE rows NO SCROLL CURSOR FOR SELECT kind, id, seq, body FROM item WHERE space = ${literal}`,
  );
  try {
    const meta = metas?.rows[0];
    if (meta === undefined) throw new StoreError('store_not_ours', `${shown} no longer holds the space ${space}.`);
    const [epoch, firstSeq, tick, secret] = meta;
    const turn = turns?.rows[0];
    const position: Position =
      turn === undefined
        ? { prev: Number(firstSeq), seq: Number(firstSeq), id: null, tick: Number(tick) }
        : {
            ...{ prev: Number(turn[0]), seq: Number(turn[1]), id: fromColumn(turn[2] as string) },
            tick: Math.max(Number(tick), Number(turn[3])),
          };
    const rows = await readRows(session);
    if ((rows.at(-1)?.seq ?? 0) > position.seq)
      throw new StoreError('store_corrupt', `${shown} holds rows that are newer than its last turn.`);
    const { seq } = position;
    return {
      contents: { seq, tick: position.tick, epoch: Number(epoch), secret: secret as string, rows },
      position,
    };
  } finally {
    if (!session.isLost) await session.simple('ROLLBACK');
  }
}

async function readRows(session: Session): Promise<Change[]> {
  const changes: Change[] = [];
  const fetch = () => session.simple(`FETCH ${ROWS_AT_ONCE} FROM rows`);
  let part = fetch();
  for (;;) {
    const [answer] = await part;
    const rows = answer?.rows ?? [];
    if (rows.length === 0) break;
    // The next part is on its way while this one is parsed.
    part = fetch();
    for (const [kind, id, seq, body] of rows) {
      const row = fromJson<Rows[Change['kind']]>(body as string);
      changes.push({ kind: fromColumn(kind as string), id: fromColumn(id as string), seq: Number(seq), row } as Change);
    }
  }
  return changes.sort((a, b) => a.seq - b.seq);
}
