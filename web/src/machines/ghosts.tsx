// The screen while its first rows are under way: its title at once, a word after 300 ms.

import { useEffect, useState } from 'preact/hooks';

const afterMs = 300;

export function Waiting() {
  const [isLate, setLate] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setLate(true), afterMs);
    return () => clearTimeout(timer);
  }, []);
  return (
    <>
      <h1>Machines</h1>
      {isLate && (
        <div role="status">
          <span class="only-heard">Loading builds and machines</span>
          {[0, 1, 2, 3, 4].map((line) => (
            <p key={line} class="m-ghost">
              <span class="ghost" />
            </p>
          ))}
        </div>
      )}
    </>
  );
}
