// Which holders are one: the runs of a job. The rule: a name ends before the first `#` with a number after it ("shop deploy #1841
// (anna)" is "shop deploy"); where there is none, before a number at its end that stands after a space, a colon or a slash
// ("nightly 77" is "nightly", but "uat-2" is "uat-2").

export function holderName(name: string): string {
  const run = /\s*#\d/.exec(name);
  const cut = run === null ? name.replace(/[\s:/]+\d+\s*$/, '') : name.slice(0, run.index);
  return cut.trim() || name;
}
