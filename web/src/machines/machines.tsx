// Machines: builds and how far they are, the machines that are there, pools, jobs and images.

import { useEffect } from 'preact/hooks';
import { useCell } from '../cell.ts';
import { builds, images, instances, jobs, pools } from '../live/tables.ts';
import { place, replaceSearch } from '../router.ts';
import { BuildPage } from './build-page.tsx';
import { BuildList } from './builds.tsx';
import { Waiting } from './ghosts.tsx';
import { ImageTable, openImage } from './images.tsx';
import { InstanceTable } from './instances.tsx';
import { JobTable, jobsText, LastLook } from './jobs.tsx';
import { mayAll } from './may.ts';
import {
  hasFailed,
  isUnderWay,
  matchesBuild,
  matchesInstance,
  type Question,
  questionOf,
  type Show,
  searchOf,
  shows,
  sortedBuilds,
  sortedImages,
  sortedInstances,
  sortedJobs,
  sortedPools,
} from './model.ts';
import { openNewBuild } from './new-build.tsx';
import { openPool } from './pool-dialogs.tsx';
import { PoolTable, poolsText } from './pools.tsx';
import { useRows, wantMachines } from './rows.ts';
import { Section } from './sheet.tsx';
import { HowToStart } from './start.tsx';
import { useRowWalk } from './walk.ts';
import './machines.css';

export function Machines() {
  useEffect(() => wantMachines(), []);
  useRowWalk();
  const { search } = useCell(place);
  const question = questionOf(search);
  return question.build !== null ? <BuildPage key={question.build} id={question.build} /> : <All question={question} />;
}

function All({ question }: { question: Question }) {
  const allBuilds = useRows(builds);
  const allInstances = useRows(instances);
  const allJobs = useRows(jobs);
  const allPools = useRows(pools);
  const allImages = useRows(images);
  const tables = [builds, instances, jobs, pools, images].map((table) => useCell(table.loading).state);
  const look = allJobs.find(({ kind }) => kind === 'reconcile') ?? null;
  const isEmpty = [allBuilds, allInstances, allJobs, allPools, allImages].every((rows) => rows.length === 0);
  if (isEmpty && tables.every((state) => state === 'ready')) return <HowToStart />;
  if (isEmpty && !tables.includes('failed')) return <Waiting />;

  const ask = (change: Partial<Question>) => replaceSearch(searchOf({ ...question, ...change }));
  const found = allBuilds.filter((build) => matchesBuild(build, question.text));
  const of: Readonly<Record<Show, typeof found>> = {
    all: found,
    running: found.filter(isUnderWay),
    failed: found.filter(hasFailed),
  };
  const shown = sortedBuilds(of[question.show]);
  const there = sortedInstances(allInstances.filter((each) => matchesInstance(each, question.text)));
  const toDo = sortedJobs(allJobs);
  const asked = searchOf(question);
  return (
    <>
      <div class="m-title">
        <h1>Machines</h1>
        <LastLook job={look} />
        <span class="m-end">
          <input
            type="search"
            data-search
            aria-label="Search builds and machines"
            placeholder="/ search builds and machines"
            autocomplete="off"
            spellcheck={false}
            value={question.text}
            onInput={(event) => ask({ text: event.currentTarget.value.trimStart() })}
          />
        </span>
      </div>
      <Section
        title="Builds"
        table={builds}
        what="The builds"
        more={
          <fieldset class="m-shows">
            <legend class="only-heard">Which builds</legend>
            {shows.map((show) => (
              <button key={show} type="button" aria-pressed={question.show === show} onClick={() => ask({ show })}>
                {show} {of[show].length}
              </button>
            ))}
          </fieldset>
        }
        action={
          mayAll('build') &&
          (look !== null || allBuilds.length > 0) && (
            <button type="button" class="strong" onClick={() => openNewBuild(null)}>
              New build…
            </button>
          )
        }
      >
        {shown.length > 0 ? (
          <BuildList builds={shown} jobs={allJobs} question={asked} />
        ) : (
          <p class="second">
            {allBuilds.length === 0
              ? 'Nothing was built yet.'
              : question.text !== ''
                ? 'No build matches. '
                : question.show === 'running'
                  ? 'Nothing is being built. '
                  : 'No build has failed. '}
            {allBuilds.length > 0 && (
              <button type="button" onClick={() => ask({ show: 'all', text: '' })}>
                Show all
              </button>
            )}
          </p>
        )}
      </Section>
      <Section title="Instances" table={instances} what="The machines" more={<Count of={there.length} />}>
        {there.length > 0 ? (
          <InstanceTable rows={there} question={asked} />
        ) : (
          <p class="second">{allInstances.length === 0 ? 'No machine is there.' : 'No machine matches.'}</p>
        )}
      </Section>
      <Section
        title="Pools"
        table={pools}
        what="The pools"
        more={allPools.length > 0 && <span class="second">{poolsText(allPools)}</span>}
        action={
          mayAll('admin') && (
            <button type="button" onClick={() => openPool(null)}>
              New pool…
            </button>
          )
        }
      >
        {allPools.length > 0 ? (
          <PoolTable rows={sortedPools(allPools)} />
        ) : (
          <p class="second">None: a pool builds the machines that leases ask for, and ends them afterwards.</p>
        )}
      </Section>
      <Section title="Jobs" table={jobs} what="The jobs" more={<span class="second">{jobsText(toDo)}</span>}>
        {toDo.length > 0 && <JobTable rows={toDo} />}
      </Section>
      <Section
        title="Images"
        table={images}
        what="The images"
        more={<Count of={allImages.length} />}
        action={
          mayAll('build') && (
            <button type="button" onClick={() => openImage(null)}>
              Set an image…
            </button>
          )
        }
      >
        {allImages.length > 0 ? (
          <ImageTable rows={sortedImages(allImages)} />
        ) : (
          <p class="second">None is known: builds leave the choice to the driver.</p>
        )}
      </Section>
    </>
  );
}

function Count({ of }: { of: number }) {
  return <span class="second">{of}</span>;
}
