// The board of a server that has no environment yet: the three commands that make the first one.

import { useState } from 'preact/hooks';
import { person } from '../access.ts';
import { useCell } from '../cell.ts';

export function FirstVisit() {
  const who = useCell(person);
  const key = who?.me.keys ? " -H 'Authorization: Bearer '$SIGNALBOX_KEY" : '';
  const body = '\'{"environment":"uat","holder":{"name":"me"},"ttlSeconds":60}\'';
  const commands = [
    ['in a shell or a pipeline', 'signalbox run uat -- ./deploy.sh'],
    [
      'with curl, from anywhere',
      `curl -X POST ${location.origin}/v1/leases${key} -H 'Content-Type: application/json' -d ${body}`,
    ],
    ['or declare it', 'signalbox env create uat --capacity 1'],
  ] as const;
  return (
    <div class="empty">
      <h1>No environments yet</h1>
      <p>The first one appears when someone asks for it:</p>
      <ol class="commands">
        {commands.map(([when, command]) => (
          <li key={when}>
            <span class="second">{when}</span>
            <Command text={command} />
          </li>
        ))}
      </ol>
      <p>This page shows it within a second.</p>
    </div>
  );
}

function Command({ text }: { text: string }) {
  const [isCopied, setCopied] = useState(false);
  // The clipboard is there on https and on localhost only.
  const canCopy = navigator.clipboard !== undefined;
  const copy = async () => {
    await navigator.clipboard.writeText(text);
    setCopied(true);
    setTimeout(() => setCopied(false), 2000);
  };
  return (
    <div class="command">
      <code>{text}</code>
      {canCopy && (
        <button type="button" aria-label={`Copy: ${text}`} onClick={() => void copy()}>
          {isCopied ? 'Copied' : 'Copy'}
        </button>
      )}
    </div>
  );
}
