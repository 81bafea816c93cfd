// The keyboard: letters outside of fields, and what each means where one is.
//
// Must always hold: a letter does nothing while somebody writes, or holds Ctrl, Alt or Meta; whoever is added last is asked first, so
// that a dialog's keys hide those of the page; people can switch letters off.

type Keys = Readonly<Partial<Record<string, () => void>>>;

const slot = 'signalbox.letters';
const stack: Keys[] = [];
let prefix: string | null = null;

export function lettersAreOn(): boolean {
  return localStorage.getItem(slot) !== 'off';
}

export function switchLetters(on: boolean): void {
  if (on) localStorage.removeItem(slot);
  else localStorage.setItem(slot, 'off');
}

/** Listens until the function that it returns is called. `g b` is g and then b. */
export function onKeys(keys: Keys): () => void {
  stack.push(keys);
  return () => {
    const at = stack.indexOf(keys);
    if (at >= 0) stack.splice(at, 1);
  };
}

function isField(target: EventTarget | null): boolean {
  const element = target as HTMLElement | null;
  return element?.closest?.('input, textarea, select, [contenteditable]') != null;
}

export function startKeys(): void {
  document.addEventListener('keydown', (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    const { key } = event;
    // A dialog has Escape of its own, and its letters are fields.
    if (document.querySelector('dialog[open]') !== null) return;
    const isLetter = key.length === 1;
    if (isLetter && (isField(event.target) || !lettersAreOn())) return;
    if (!isLetter && key !== 'Escape' && isField(event.target)) return;
    const pressed = prefix === null ? key : `${prefix} ${key}`;
    prefix = null;
    const run = stack.toReversed().find((keys) => Object.hasOwn(keys, pressed))?.[pressed];
    if (run !== undefined) {
      event.preventDefault();
      run();
    } else if (key === 'g') prefix = 'g';
  });
}
