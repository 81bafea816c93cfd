// What this person may do, as buttons: the most wanted ones seen, the rest behind the three dots. Nothing where there is nothing.

import { Menu, type MenuItem } from '../ui/menu.tsx';

const seen = 3;

export function Actions({ of, items, max = seen }: { of: string; items: readonly MenuItem[]; max?: number }) {
  if (items.length === 0) return null;
  // A menu of one item would be a button that hides a button.
  const shown = items.length === max + 1 ? items : items.slice(0, max);
  const rest = items.slice(shown.length);
  return (
    <div class="actions">
      {shown.map(({ label, run }) => (
        <button key={label} type="button" aria-label={`${label} ${of}`} onClick={run}>
          {label}
        </button>
      ))}
      {rest.length > 0 && <Menu label={`More actions on ${of}`} items={() => rest} />}
    </div>
  );
}
