// All that is known of one event: its words, its exact time, and the data as it was written.

import type { ComponentChildren } from 'preact';
import type { HistoryEvent } from '../../../src/client/types.ts';
import { pathOf } from '../routes.ts';
import { Dialog } from '../ui/dialog.tsx';
import { exact } from '../ui/time.tsx';
import { Subject, Words } from './cells.tsx';
import { searchOf } from './query.ts';
import { buildOf, leaseOf } from './words.ts';

export function Details({ event, close }: { event: HistoryEvent; close: () => void }) {
  const lease = leaseOf(event);
  const build = buildOf(event);
  // A link within leads to another screen, or to other events: the dialog does not stay over them.
  const follow = (click: Event) => {
    const link = (click.target as Element).closest('a');
    if (link !== null && link.target === '') close();
  };
  return (
    <Dialog title={`Event ${event.seq}`} close={close}>
      {/* biome-ignore lint/a11y: the links within are what is clicked */}
      <div class="content" onClick={follow}>
        <p>
          <Words event={event} />
        </p>
        <dl class="facts">
          <Fact title="When">
            <time dateTime={event.at}>{exact(event.at)}</time>
          </Fact>
          <Fact title="Event">
            <code>
              <bdi>{event.kind}</bdi>
            </code>
          </Fact>
          <Fact title="About">
            <Subject event={event} />
          </Fact>
          <Fact title="By">
            <bdi>{event.actor}</bdi>
          </Fact>
          {lease !== null && (
            <Fact title="Lease">
              <a href={pathOf({ screen: 'history' }) + searchOf({ lease })}>
                <code>{lease}</code>
              </a>
            </Fact>
          )}
          {build !== null && (
            <Fact title="Build">
              <a href={pathOf({ screen: 'history' }) + searchOf({ subject: build })}>
                <code>{build}</code>
              </a>
            </Fact>
          )}
        </dl>
        {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by the keyboard */}
        <section class="data" tabIndex={0} aria-label="Data">
          {JSON.stringify(event.data, null, 2)}
        </section>
      </div>
      <div class="buttons">
        <button type="button" data-first onClick={close}>
          Close
        </button>
      </div>
    </Dialog>
  );
}

function Fact({ title, children }: { title: string; children: ComponentChildren }) {
  return (
    <>
      <dt>{title}</dt>
      <dd>{children}</dd>
    </>
  );
}
