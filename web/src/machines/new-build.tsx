// Asks for machines.
//
// Must always hold: one dialog asks for one build: its id is made when it is opened, so that asking again where no answer came is
// the same build.

import { useState } from 'preact/hooks';
import type { Failure } from '../../../src/client/outcome.ts';
import type { Build } from '../../../src/client/types-machines.ts';
import { openDialog } from '../actions/frame.tsx';
import { api } from '../api.ts';
import { ActionDialog } from '../ui/dialog.tsx';
import { Faults, Field, faultsOf, numberOf } from './fields.tsx';
import { buildPath, machines } from './model.ts';
import { requestOf, SpecFields, specOf } from './spec-fields.tsx';

/** `from`: what it is filled in with: the same as a build before. */
export function openNewBuild(from: Build | null): void {
  const id = `bd_${[...crypto.getRandomValues(new Uint8Array(10))].map((byte) => byte.toString(16).padStart(2, '0')).join('')}`;
  openDialog((close) => <NewBuild id={id} from={from} close={close} />);
}

function NewBuild({ id, from, close }: { id: string; from: Build | null; close: () => void }) {
  const [spec, setSpec] = useState(() => specOf(from));
  const [count, setCount] = useState(String(from?.count ?? 1));
  const [failure, setFailure] = useState<Failure | null>(null);
  const faults = faultsOf(failure);
  const act = async () => {
    const answer = await api().createBuild({ id, ...requestOf(spec), count: numberOf(count) });
    setFailure(answer.ok ? null : answer);
    return answer;
  };
  return (
    <ActionDialog
      title={from === null ? 'New build' : 'Try again, as a new build'}
      verb={count === '' ? 'Build' : `Build ${machines(Number(count))}`}
      going="Asking…"
      keep="Not now"
      act={act}
      close={close}
      done={(build) => (
        <>
          Build{' '}
          <a href={buildPath(build.id)} onClick={close}>
            <bdi>{build.id}</bdi>
          </a>{' '}
          is asked for: {machines(build.count)}, {build.state}.
        </>
      )}
    >
      {from !== null && (
        <p>
          With the same content as <bdi>{from.id}</bdi>, which stays as it is. Its machines, if it has any, are not
          ended by this.
        </p>
      )}
      <SpecFields spec={spec} change={setSpec} faults={faults} isFirst />
      <Field
        label="Machines"
        isNumber
        value={count}
        change={setCount}
        hint="1 to 100, each of them costs what its type costs"
        isWrong={faults.some((fault) => fault.startsWith('count'))}
      />
      <Faults faults={faults} />
    </ActionDialog>
  );
}
