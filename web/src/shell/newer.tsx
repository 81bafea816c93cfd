// The server was restarted with another dashboard than this page's: says so, and never reloads by itself.

import { useEffect, useState } from 'preact/hooks';
import { link } from '../live/feed.ts';

export function NewerBar() {
  const [isNewer, setNewer] = useState(false);
  useEffect(() => {
    let wasAway = false;
    return link.watch(({ state }) => {
      if (state === 'live' && wasAway) void look().then((is) => is && setNewer(true));
      wasAway = state === 'away' || (wasAway && state !== 'live');
    });
  }, []);
  if (!isNewer) return null;
  return (
    <div class="bar" role="status">
      A new version of this page is here.
      <button type="button" onClick={() => location.reload()}>
        Reload
      </button>
    </div>
  );
}

/** Whether the page as it is served now starts with another script. */
async function look(): Promise<boolean> {
  const mine = document.querySelector<HTMLScriptElement>('script[type=module]')?.getAttribute('src');
  try {
    const page = await fetch('/', { headers: { accept: 'text/html' }, cache: 'no-store' });
    const text = await page.text();
    return page.ok && text.includes('type="module"') && mine != null && !text.includes(`"${mine}"`);
  } catch {
    return false;
  }
}
