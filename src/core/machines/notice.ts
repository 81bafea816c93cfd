// Who outside is told of what happens to builds and machines. What always holds: what is to be told is durable together with what
// has happened, as a job of its own for each sink, under an id that is made of both: it is told once, however often it is tried (B8).

import type { BuildRow, InstanceRow, JobRow } from '../rows.ts';
import type { Turn } from '../turn.ts';
import { addJob } from './job.ts';

/** All that somebody can be told of. */
export const noticeEvents = [
  ...['build.asked', 'build.started', 'build.finished', 'build.failed', 'build.cancelled'],
  ...['instance.launched', 'instance.ready', 'instance.ending', 'instance.gone'],
] as const;

/** Jobs that tell, at most: where nobody can be reached for days the oldest news is not worth the room. */
const keptAtMost = 10_000;

interface About {
  readonly build: BuildRow | undefined;
  readonly machine?: InstanceRow;
  readonly channel?: string | null;
  readonly reason?: string | null;
}

/** Writes down that it is to be told of; to be called by whoever writes the event. */
export function notify(turn: Turn, event: (typeof noticeEvents)[number], about: About): void {
  const { build, machine, reason = null } = about;
  const { sinks } = turn.state.settings;
  for (const { name: sink, events } of sinks) {
    if (!events.includes(event) || turn.state.jobs.size >= keptAtMost) continue;
    const subject = machine?.id ?? build?.id ?? '';
    addJob(turn, `nt_${sink}_${event}_${subject}`, 'notify', subject, {
      notice: {
        ...{ sink, event, build: build?.id ?? null, reason, at: turn.moment.at },
        ...{ instance: machine?.id ?? null, cloudId: machine?.cloudId ?? null },
        channel: about.channel ?? build?.spec.slackChannel ?? null,
      },
    });
  }
}

/** What is known of the build that a notice is about, for its text; it may be gone meanwhile. */
export function buildOfNotice(turn: Pick<Turn, 'state'>, { notice }: JobRow): BuildRow | undefined {
  return notice?.build == null ? undefined : turn.state.builds.get(notice.build);
}
