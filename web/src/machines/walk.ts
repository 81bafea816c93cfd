// The keyboard on this screen: one walk over the rows of all its sections, from top to bottom.

import { useEffect } from 'preact/hooks';
import { onKeys } from '../ui/keys.ts';

export function useRowWalk(): void {
  useEffect(() => {
    let last: string | null = null;
    const rows = (): HTMLElement[] => [...document.querySelectorAll<HTMLElement>('main [data-row]')];
    const focused = (): string | null =>
      document.activeElement?.closest<HTMLElement>('main [data-row]')?.dataset.row ?? null;
    const step = (by: number) => {
      const all = rows();
      const at = all.findIndex((row) => row.dataset.row === (focused() ?? last));
      const next = all[at < 0 ? 0 : Math.min(Math.max(at + by, 0), all.length - 1)];
      last = next?.dataset.row ?? null;
      next?.querySelector<HTMLElement>('a, button')?.focus({ preventScroll: true });
      next?.scrollIntoView({ block: 'nearest' });
    };
    const act = () => {
      const row = rows().find((each) => each.dataset.row === (focused() ?? last));
      row?.querySelector<HTMLElement>('[data-row-menu]')?.click();
    };
    return onKeys({ j: () => step(1), ArrowDown: () => step(1), k: () => step(-1), ArrowUp: () => step(-1), '.': act });
  }, []);
}
