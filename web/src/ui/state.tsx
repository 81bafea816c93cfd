// The states of things as a shape, a colour and a word: never one of them alone.

import type { ComponentChildren } from 'preact';

export type Shape = 'free' | 'held' | 'partly' | 'waiting' | 'cleaning' | 'draining' | 'frozen' | 'failed';

const drawn: Readonly<Record<Shape, ComponentChildren>> = {
  free: <circle cx="6" cy="6" r="4.5" fill="none" stroke="currentColor" stroke-width="1.5" />,
  held: <circle cx="6" cy="6" r="5" fill="currentColor" />,
  partly: (
    <>
      <circle cx="6" cy="6" r="4.5" fill="none" stroke="currentColor" stroke-width="1.5" />
      <path d="M6 1.5a4.5 4.5 0 0 0 0 9z" fill="currentColor" />
    </>
  ),
  waiting: (
    <>
      <circle cx="6" cy="6" r="4.5" fill="none" stroke="currentColor" stroke-width="1.5" />
      <path d="M6 3v3l2 1.5" fill="none" stroke="currentColor" stroke-width="1.5" />
    </>
  ),
  cleaning: (
    <circle cx="6" cy="6" r="4.5" fill="none" stroke="currentColor" stroke-width="1.5" stroke-dasharray="1.6 2" />
  ),
  draining: (
    <>
      <path d="M1.5 6a4.5 4.5 0 0 0 9 0z" fill="currentColor" />
      <path d="M6 5V1M4 3l2-2 2 2" fill="none" stroke="currentColor" stroke-width="1.5" />
    </>
  ),
  frozen: (
    <>
      <rect x="1.5" y="1.5" width="9" height="9" fill="none" stroke="currentColor" stroke-width="1.5" />
      <rect x="3" y="5" width="6" height="2" fill="currentColor" />
    </>
  ),
  failed: <path d="M6 1l5.5 10H.5z" fill="currentColor" />,
};

export function State({ shape, word }: { shape: Shape; word: string }) {
  return (
    <span class={`state state-${shape}`}>
      <svg width="12" height="12" viewBox="0 0 12 12" aria-hidden="true">
        {drawn[shape]}
      </svg>
      {word}
    </span>
  );
}
