// What tells blocks apart without their colours: a pattern for each way to end, and a shape where somebody was hurt.

import type { Look } from './layout.ts';

export function Patterns() {
  return (
    <defs>
      <pattern id="look-late" class="look-late" width="7" height="7" patternUnits="userSpaceOnUse">
        <path d="M-1 8L8 -1M-1 1L1 -1M6 8L8 6" />
      </pattern>
      <pattern id="look-taken" class="look-taken" width="7" height="7" patternUnits="userSpaceOnUse">
        <path d="M0 0L7 7M7 0L0 7" />
      </pattern>
      <pattern id="look-over" class="look-over" width="6" height="6" patternUnits="userSpaceOnUse">
        <path d="M0 3H6" />
      </pattern>
      <pattern id="look-dirty" class="look-dirty" width="6" height="6" patternUnits="userSpaceOnUse">
        <circle cx="3" cy="3" r="1" />
      </pattern>
      <pattern id="look-several" class="look-several" width="4" height="4" patternUnits="userSpaceOnUse">
        <path d="M2 0V4" />
      </pattern>
      <pattern id="look-frozen" class="look-frozen" width="10" height="10" patternUnits="userSpaceOnUse">
        <path d="M2 5H8M5 2V8" />
      </pattern>
      <pattern id="look-draining" class="look-draining" width="8" height="8" patternUnits="userSpaceOnUse">
        <path d="M0 0L8 8M-1 7L1 9M7 -1L9 1" />
      </pattern>
      <pattern id="look-now" width="4" height="4" patternUnits="userSpaceOnUse" />
      <pattern id="look-released" width="4" height="4" patternUnits="userSpaceOnUse" />
    </defs>
  );
}

export function Marks({ look, x, y }: { look: Look; x: number; y: number }) {
  return (
    <g class="mark" transform={`translate(${x} ${y})`}>
      <circle cx="6" cy="6" r="7" class="mark-ground" />
      {look === 'taken' ? (
        <path d="M2 2L10 10M10 2L2 10" class="mark-line" />
      ) : (
        <>
          <circle cx="6" cy="6" r="5" class="mark-line" />
          <path d="M6 3v3l2 2" class="mark-line" />
        </>
      )}
    </g>
  );
}

/** A sample for the legend. */
export function Sample({ look }: { look: Look }) {
  return (
    <svg class={`sample piece look-${look}`} width="22" height="14" viewBox="0 0 22 14" aria-hidden="true">
      <rect class="fill" x="0.5" y="0.5" width="21" height="13" rx="2" />
      <rect class="pattern" x="1" y="1" width="20" height="12" fill={`url(#look-${look})`} />
    </svg>
  );
}
