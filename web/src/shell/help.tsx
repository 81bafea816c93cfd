// The keys, as `?` shows them.

import { useState } from 'preact/hooks';
import { mainScreens } from '../routes.ts';
import { Dialog } from '../ui/dialog.tsx';
import { lettersAreOn, switchLetters } from '../ui/keys.ts';

const keys: readonly (readonly [string, string])[] = [
  ['/', 'search'],
  ['j k', 'next and previous row; the arrows too'],
  ['Enter', 'open the row'],
  ['.', 'what can be done to the row'],
  ['Esc', 'back; closes what is open'],
  ...mainScreens.map(({ letter, title }): [string, string] => [`g ${letter}`, title]),
  ['?', 'this help'],
];

export function Help({ close }: { close: () => void }) {
  const [isOn, setOn] = useState(lettersAreOn());
  return (
    <Dialog title="Keys" close={close}>
      <dl class="keys">
        {keys.map(([key, what]) => (
          <>
            <dt key={key}>
              <kbd>{key}</kbd>
            </dt>
            <dd>{what}</dd>
          </>
        ))}
      </dl>
      <label class="tick">
        <input
          type="checkbox"
          checked={isOn}
          onChange={(event) => {
            switchLetters(event.currentTarget.checked);
            setOn(event.currentTarget.checked);
          }}
        />
        Letters are keys
      </label>
      <div class="buttons">
        <button type="button" data-first onClick={close}>
          Close
        </button>
      </div>
    </Dialog>
  );
}
