// When a job is taken up: `in 4s`, and `now` once that is over.

import { formatDuration } from '../../../src/cli/text/durations.ts';
import type { Job } from '../../../src/client/types-machines.ts';
import { serverNow } from '../clock.ts';
import { exact, useTicking } from '../ui/time.tsx';
import { momentOf } from './rows.ts';

export function Due({ job }: { job: Job }) {
  const at = momentOf(job, job.dueInSeconds);
  const text = useTicking(() => {
    const left = Date.parse(at) - serverNow();
    return left > 0 ? `in ${formatDuration(left)}` : 'now';
  });
  return (
    <time dateTime={at} title={exact(at)}>
      {text}
    </time>
  );
}
