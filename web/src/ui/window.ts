// Which lines of a long table are in the page: those that are seen, and some on either side. Below `allBelow` all of them, so that
// the browser's own search finds everything.

import { useEffect, useState } from 'preact/hooks';
import { nextFrame } from '../frame.ts';

const allBelow = 200;
const beside = 20;

export interface Seen {
  readonly from: number;
  /** The first that is not in it. */
  readonly to: number;
}

export function useWindow(box: { readonly current: HTMLElement | null }, count: number, height: number): Seen {
  const [seen, setSeen] = useState<Seen>({ from: 0, to: allBelow / 2 });
  const isLong = count > allBelow;
  useEffect(() => {
    if (!isLong) return;
    const look = () => {
      const top = box.current?.getBoundingClientRect().top ?? 0;
      const from = Math.max(0, Math.floor(-top / height) - beside);
      const to = Math.min(count, Math.ceil((innerHeight - top) / height) + beside);
      setSeen((before) => (before.from === from && before.to === to ? before : { from, to: Math.max(to, from) }));
    };
    const soon = () => nextFrame(look);
    look();
    addEventListener('scroll', soon, { passive: true });
    addEventListener('resize', soon);
    return () => {
      removeEventListener('scroll', soon);
      removeEventListener('resize', soon);
    };
  }, [isLong, count, height]);
  return isLong ? { from: Math.min(seen.from, count), to: Math.min(seen.to, count) } : { from: 0, to: count };
}

/** Whether the page is as narrow, or the pointer as thick, as this media query says. */
export function useMedia(query: string): boolean {
  const [matches, setMatches] = useState(() => matchMedia(query).matches);
  useEffect(() => {
    const media = matchMedia(query);
    const look = () => setMatches(media.matches);
    look();
    media.addEventListener('change', look);
    return () => media.removeEventListener('change', look);
  }, [query]);
  return matches;
}
