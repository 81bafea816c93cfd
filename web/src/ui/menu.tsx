// The button with three dots, and what can be done to a row. Items that this person may not do are left out by whoever makes them.

import { useEffect, useId, useRef, useState } from 'preact/hooks';

export interface MenuItem {
  readonly label: string;
  readonly run: () => void;
}

/** `items` is asked when it is opened, so that it is about the row as it is then. */
export function Menu({ label, items }: { label: string; items: () => readonly MenuItem[] }) {
  const [shown, setShown] = useState<readonly MenuItem[] | null>(null);
  const button = useRef<HTMLButtonElement>(null);
  const list = useRef<HTMLDivElement>(null);
  const id = useId();
  useEffect(() => {
    const from = button.current?.getBoundingClientRect();
    const box = list.current;
    if (shown === null || from === undefined || box === null) return;
    const below = from.bottom + box.offsetHeight < innerHeight;
    box.style.top = `${below ? from.bottom + 2 : Math.max(0, from.top - box.offsetHeight - 2)}px`;
    box.style.left = `${Math.max(0, from.right - box.offsetWidth)}px`;
    box.querySelector('button')?.focus();
    const away = (event: Event) => {
      if (!box.contains(event.target as Node)) close(false);
    };
    document.addEventListener('pointerdown', away, true);
    addEventListener('scroll', away, true);
    return () => {
      document.removeEventListener('pointerdown', away, true);
      removeEventListener('scroll', away, true);
    };
  }, [shown]);
  const close = (refocus: boolean) => {
    setShown(null);
    if (refocus) button.current?.focus();
  };
  const onKey = (event: KeyboardEvent) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (event.key === 'Escape' || event.key === 'Tab') close(true);
    else if (step !== undefined) {
      const buttons = [...(list.current?.querySelectorAll('button') ?? [])];
      const at = buttons.indexOf(document.activeElement as HTMLButtonElement);
      buttons[(at + step + buttons.length) % buttons.length]?.focus();
    } else return;
    event.preventDefault();
    event.stopPropagation();
  };
  return (
    <>
      <button
        ref={button}
        type="button"
        class="more plain"
        data-row-menu
        aria-haspopup="menu"
        aria-expanded={shown !== null}
        aria-controls={shown === null ? undefined : id}
        aria-label={label}
        onClick={() => setShown(shown === null ? items() : null)}
      >
        ⋯
      </button>
      {shown !== null && (
        <div ref={list} id={id} class="menu" role="menu" aria-label={label} tabIndex={-1} onKeyDown={onKey}>
          {shown.map((item) => (
            <button
              key={item.label}
              type="button"
              role="menuitem"
              class="plain"
              onClick={() => {
                close(true);
                item.run();
              }}
            >
              {item.label}
            </button>
          ))}
        </div>
      )}
    </>
  );
}
