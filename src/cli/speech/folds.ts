// Folds of a CI's log: the waiting is put away, what matters stays visible. One pair of lines per dialect.
//
// Must always hold: a fold that was opened is closed on every way out, or it swallows the child's output.

export type LogStyle = 'github' | 'gitlab' | 'buildkite' | 'plain';

export const logStyles: readonly LogStyle[] = ['github', 'gitlab', 'buildkite', 'plain'];

/** `said` is SIGNALBOX_LOG_STYLE; anything that is no style is no wish. */
export function logStyle(said: string | undefined, ci: string | null): LogStyle {
  return logStyles.find((style) => style === said) ?? logStyles.find((style) => style === ci) ?? 'plain';
}

export interface Fold {
  readonly open: string | null;
  readonly close: string | null;
  /** Put before the first line after the fold. */
  readonly heading: string;
}

/** `title` must be free of foreign text that could end the line. Instants in seconds, as GitLab shows how long it took. */
export function fold(style: LogStyle, title: string, openedAtS: number, closedAtS: number): Fold {
  switch (style) {
    case 'github':
      return { open: `::group::${title}`, close: '::endgroup::', heading: '' };
    case 'gitlab': {
      // Two runs in one job are two sections.
      const name = `signalbox_wait_${openedAtS}`;
      return {
        open: `\u001b[0Ksection_start:${openedAtS}:${name}[collapsed=true]\r\u001b[0K${title}`,
        close: `\u001b[0Ksection_end:${closedAtS}:${name}\r\u001b[0K`,
        heading: '',
      };
    }
    case 'buildkite':
      // A group lasts until the next heading: the line that says "yours" becomes an open one.
      return { open: `~~~ ${title}`, close: null, heading: '+++ ' };
    case 'plain':
      return { open: null, close: null, heading: '' };
  }
}

/** GitHub shows such a line on the page of the run. Everything that its commands are made of is escaped. */
export function githubError(title: string, message: string): string {
  const data = (text: string) => text.replace(/%/g, '%25').replace(/\r/g, '%0D').replace(/\n/g, '%0A');
  const property = (text: string) => data(text).replace(/:/g, '%3A').replace(/,/g, '%2C');
  return `::error title=${property(title)}::${data(message)}`;
}
