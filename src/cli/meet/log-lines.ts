// An error in a log, as every command writes it.

/** Every line says who speaks, the first one ends with the code. */
export function logLines(code: string, [first = '', ...more]: readonly string[]): string {
  return [`signalbox: ${first} [${code}]`, ...more.map((line) => `signalbox:   ${line}`), ''].join('\n');
}
