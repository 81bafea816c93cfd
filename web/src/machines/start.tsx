// The screen of a server that has no driver and has never built anything: how machines begin.

import { useState } from 'preact/hooks';

const commands = [
  [
    'a driver that costs nothing: its machines are processes on the server',
    'signalbox serve --driver command:examples/machines/processes.sh',
  ],
  ['Amazon EC2, with the credentials of the environment', 'signalbox serve --driver ec2'],
  ['then ask for the first one', 'signalbox build create --site org --env staging --queue main --type small --wait'],
] as const;

export function HowToStart() {
  return (
    <div class="empty">
      <h1>No machines yet</h1>
      <p>
        Signalbox can make what is leased. For that the server needs a driver, which it asks for machines; none has
        worked here yet.
      </p>
      <ol class="commands">
        {commands.map(([when, command]) => (
          <li key={when}>
            <span class="second">{when}</span>
            <Command text={command} />
          </li>
        ))}
      </ol>
      <p class="second">
        A driver of your own is any executable: it is asked one question at a time, and answers in JSON.
      </p>
    </div>
  );
}

function Command({ text }: { text: string }) {
  const [isCopied, setCopied] = useState(false);
  const copy = async () => {
    await navigator.clipboard.writeText(text);
    setCopied(true);
    setTimeout(() => setCopied(false), 2000);
  };
  return (
    <div class="command">
      <code>{text}</code>
      {navigator.clipboard !== undefined && (
        <button type="button" aria-label={`Copy: ${text}`} onClick={() => void copy()}>
          {isCopied ? 'Copied' : 'Copy'}
        </button>
      )}
    </div>
  );
}
