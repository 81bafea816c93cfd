// Images: what machines are made from, and which of them a build takes that names none.

import { useState } from 'preact/hooks';
import type { Image } from '../../../src/client/types-machines.ts';
import { openDialog } from '../actions/frame.tsx';
import { api } from '../api.ts';
import { useRow } from '../live/rows.ts';
import { images } from '../live/tables.ts';
import { ActionDialog } from '../ui/dialog.tsx';
import type { MenuItem } from '../ui/menu.tsx';
import { State } from '../ui/state.tsx';
import { Since } from '../ui/time.tsx';
import { Field, given, Tick } from './fields.tsx';
import { mayAll } from './may.ts';
import { nextImage } from './model.ts';
import { type Column, Sheet } from './sheet.tsx';

const columnsFor = (rows: readonly Image[]): readonly Column<Image>[] => [
  { id: 'name', title: 'Image', isName: true, cell: (row) => <bdi class="mono">{row.id}</bdi> },
  { id: 'called', title: 'Name', cell: (row) => row.name && <bdi>{row.name}</bdi> },
  { id: 'role', title: 'Role', cell: (row) => row.role && <bdi>{row.role}</bdi> },
  {
    id: 'active',
    title: 'Active',
    isPlain: true,
    cell: (row) => (
      <>
        <State shape={row.active ? 'held' : 'cleaning'} word={row.active ? 'active' : 'not active'} />
        {nextImage(rows, row.role)?.id === row.id && <span class="second">, the next build takes it</span>}
      </>
    ),
  },
  { id: 'driver', title: 'At the driver', cell: (row) => <bdi class="second">{row.state}</bdi> },
  { id: 'source', title: 'Said by', cell: (row) => row.source },
  { id: 'age', title: 'Age', cell: (row) => <Since at={row.createdAt} /> },
];

export function ImageTable({ rows }: { rows: readonly Image[] }) {
  return (
    <Sheet
      label="Images"
      rows={rows}
      idOf={(row) => row.id}
      columns={columnsFor(rows)}
      nameOf={(row) => row.id}
      items={actionsOn}
    />
  );
}

function actionsOn(row: Image): readonly MenuItem[] {
  if (!mayAll('build')) return [];
  return [
    { label: 'Change…', run: () => openImage(row) },
    { label: 'Forget…', run: () => openDialog((close) => <Forget asked={row} close={close} />) },
  ];
}

/** null: one that is not known yet. */
export function openImage(image: Image | null): void {
  openDialog((close) => <ImageDialog asked={image} close={close} />);
}

const saidOf = ({ role, name, active, source }: Image): string => JSON.stringify([role, name, active, source]);

function ImageDialog({ asked, close }: { asked: Image | null; close: () => void }) {
  const [id, setId] = useState(asked?.id ?? '');
  const [role, setRole] = useState(asked === null ? 'worker' : (asked.role ?? ''));
  const [name, setName] = useState(asked?.name ?? '');
  const [isActive, setActive] = useState(asked?.active ?? true);
  const now = useRow(images, asked?.id ?? id.trim());
  const overtaken =
    asked === null
      ? now === null
        ? null
        : 'This image is known already. To change it, use its own menu.'
      : now === null
        ? 'It was forgotten meanwhile.'
        : saidOf(now) === saidOf(asked)
          ? null
          : 'Somebody has changed it meanwhile. Close this and open it again.';
  return (
    <ActionDialog
      title={
        asked === null ? (
          'Set an image'
        ) : (
          <>
            Change the image <bdi>{asked.id}</bdi>
          </>
        )
      }
      verb="Set it"
      going="Setting it…"
      keep={asked === null ? 'Not now' : 'Leave it as it is'}
      isReady={id.trim() !== ''}
      overtaken={overtaken}
      act={() => api().putImage(id.trim(), { role: given(role) ?? null, name: given(name) ?? null, active: isActive })}
      close={close}
      done={(image) => (
        <>
          <bdi>{image.id}</bdi> is {image.active ? 'active' : 'not active'}
          {image.role !== null && (
            <>
              {' '}
              for the role <bdi>{image.role}</bdi>
            </>
          )}
          .
        </>
      )}
    >
      <p>A build that names no image takes the newest active one of its role. Builds under way keep theirs.</p>
      {asked === null && <Field label="Image" value={id} change={setId} isFirst placeholder="ami-0abc" />}
      <Field label="Role" value={role} change={setRole} isFirst={asked !== null} hint="what its machines are" />
      <Field label="Name" value={name} change={setName} hint="for people" />
      <Tick label="Active: builds of its role may take it" value={isActive} change={setActive} />
    </ActionDialog>
  );
}

function Forget({ asked, close }: { asked: Image; close: () => void }) {
  const now = useRow(images, asked.id);
  const after = nextImage(
    [...images.all()].filter(({ id }) => id !== asked.id),
    asked.role,
  );
  const isNext = nextImage([...images.all()], asked.role)?.id === asked.id;
  return (
    <ActionDialog
      title={
        <>
          Forget the image <bdi>{asked.id}</bdi>?
        </>
      }
      verb="Forget it"
      going="Forgetting…"
      keep="Keep"
      isHarmful
      overtaken={now === null ? 'It was forgotten already.' : null}
      act={() => api().deleteImage(asked.id)}
      close={close}
      done={() => (
        <>
          <bdi>{asked.id}</bdi> is forgotten here.
        </>
      )}
    >
      <p>
        What was said of it here is forgotten; the image itself stays, and one that the driver lists is learned from it
        again.
        {isNext && (
          <>
            {' '}
            Builds of the role <bdi>{asked.role}</bdi> that name no image take{' '}
            {after === null ? 'none then, and fail' : <bdi>{after.id}</bdi>}
            {after === null ? ' where the driver needs one.' : ' then.'}
          </>
        )}
      </p>
    </ActionDialog>
  );
}
