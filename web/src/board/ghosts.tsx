// Grey rows while the first list is under way; only after 300 ms, so that a quick answer does not flicker.

import { useEffect, useState } from 'preact/hooks';

const afterMs = 300;

export function Ghosts({ columns }: { columns: number }) {
  const [isLate, setLate] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setLate(true), afterMs);
    return () => clearTimeout(timer);
  }, []);
  if (!isLate) return null;
  return (
    <>
      <p class="only-heard" role="status">
        Loading the environments
      </p>
      <table class="table" aria-hidden="true">
        <tbody>
          {Array.from({ length: 8 }, (_, row) => (
            <tr key={row}>
              {Array.from({ length: columns - 2 }, (_, column) => (
                <td key={column}>
                  <span class="ghost" />
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </>
  );
}
