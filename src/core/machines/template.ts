// Texts with variables, for init scripts and names of machines: `{{.Env}}`, blanks inside the braces allowed, and nothing else of
// the template language that the older system had. What always holds: whatever else stands between double braces is a fault, told
// when the text is configured and not when a machine waits for it; a value is put in as it is, whatever characters it has.

import { nearestName } from '../names.ts';

/** What an init script may contain. */
export const scriptVariables = [
  ...['Env', 'Site', 'Queue', 'Role', 'AMI', 'InstanceType', 'Count', 'InstanceRSA', 'SlackChannel'],
  ...['PapertrailSite', 'InstanceYML', 'InstanceBuildID', 'InstanceBuildURL'],
] as const;

/** What the name of a machine may contain (`nameTemplate` of its build). */
export const nameVariables = [
  ...['Env', 'Site', 'Queue', 'Role', 'InstanceType', 'InstanceBuildID', 'InstanceID'],
] as const;

/** Those of a script that are not of its build but of the server. */
export const serverVariables = ['InstanceRSA', 'InstanceYML', 'PapertrailSite'] as const;

/** A template, and where it was read, for people. */
export interface Template {
  readonly text: string;
  readonly from: string;
}

/** The init scripts of a server. */
export interface ScriptTemplates {
  /** Where neither its queue nor its role has one; null: then a build has none. */
  readonly usual: Template | null;
  readonly queues: ReadonlyMap<string, Template>;
  readonly roles: ReadonlyMap<string, Template>;
  /** What is not set is empty. */
  readonly values: Readonly<Partial<Record<(typeof serverVariables)[number], string>>>;
  /** Where builds tell what happens that do not say so themselves. */
  readonly slackChannel: string | null;
}

export const noScripts: ScriptTemplates = {
  ...{ usual: null, queues: new Map(), roles: new Map(), values: {}, slackChannel: null },
};

/** Double braces up to those that close them on the same line; alone where nothing does. */
const braces = /\{\{(?:([^\n]*?)\}\})?/g;
/** Of what stands between braces. */
const shownAtMost = 60;

/** All that is wrong with a template, each as a sentence that begins with its line: `line 3: …`; empty: nothing. */
export function templateFaults(text: string, known: readonly string[]): string[] {
  return [...text.matchAll(braces)].flatMap(({ 0: whole, 1: inside, index }) => {
    const fault = faultOf(whole, inside, known);
    return fault === null ? [] : [`line ${lineAt(text, index)}: ${fault}`];
  });
}

/** The text with its variables put in. One that is unknown is a mistake of whoever calls: `templateFaults` comes first. */
export function render(text: string, values: Readonly<Record<string, string>>): string {
  return text.replace(braces, (whole: string, inside: string | undefined) => {
    const name = inside === undefined ? null : variableIn(inside);
    if (name === null || !Object.hasOwn(values, name)) throw new Error(`${whole} has no value`);
    return values[name] as string;
  });
}

function variableIn(inside: string): string | null {
  return /^[ \t]*\.([A-Za-z]\w*)[ \t]*$/.exec(inside)?.[1] ?? null;
}

function faultOf(whole: string, inside: string | undefined, known: readonly string[]): string | null {
  if (inside === undefined) return '{{ is not closed by }} on its line';
  const name = variableIn(inside);
  if (name !== null && known.includes(name)) return null;
  const shown = whole.length > shownAtMost ? `${whole.slice(0, shownAtMost).toWellFormed()}…` : whole;
  if (name === null) return `${shown} is not understood: between {{ and }} there is a variable, as {{.${known[0]}}}`;
  const nearest = nearestName(name, known);
  const hint = nearest === null ? `there are ${known.join(', ')}` : `did you mean {{.${nearest}}}?`;
  return `${shown} is no variable: ${hint}`;
}

function lineAt(text: string, index: number): number {
  return text.slice(0, index).split('\n').length;
}
