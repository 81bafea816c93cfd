// Text that other people's jobs have written (holder names, reasons, names) on its way to a terminal or a CI log. It must not
// move the cursor, colour, hide or reorder anything, and must not become a command of the CI that shows the log.

const ESC = '\\u001b';
const STRING_END = `(?:\\u0007|${ESC}\\\\|\\u009c)`;
/** Escape sequences as a whole, also in their one-byte forms. */
const ESCAPES = new RegExp(
  [
    // CSI: colours, cursor, erasing.
    `(?:${ESC}\\[|\\u009b)[0-?]*[ -/]*[@-~]?`,
    // OSC, DCS and the other strings: titles, links, the clipboard.
    `(?:${ESC}[\\]PX^_]|[\\u009d\\u0090\\u0098\\u009e\\u009f])[^\\u0007\\u001b\\u009c]*${STRING_END}?`,
    // Everything else of two characters.
    `${ESC}[ -/]*[0-~]?`,
  ].join('|'),
  'g',
);
const LINE_BREAKS = /\r\n|[\n\v\f\r\u0085\u2028\u2029]/g;
const CONTROLS = /\p{Cc}/gu;
/** Marks that reorder text or that take no room: a name that looks like another. */
const INVISIBLE =
  /[\u00ad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff\u{e0000}-\u{e007f}]/gu;
/** `##[error]`, `##vso[task…]`, `##teamcity[…]` are commands wherever they stand in a line. */
const CI_COMMAND = /##(?=\w*\[)/g;

/**
 * Foreign text made fit to be shown in a line of ours, at most `max` characters of it. It must still not begin a line: GitHub
 * takes `::error::` for a command after any amount of white space.
 */
export function foreign(text: string, max = 120): string {
  const clean = text
    .toWellFormed()
    .replace(ESCAPES, '')
    .replace(/^\s+|\s+$/g, '')
    .replace(LINE_BREAKS, ' ⏎ ')
    .replace(/\t/g, ' ')
    .replace(CONTROLS, '')
    .replace(INVISIBLE, '')
    .replace(CI_COMMAND, '# #');
  const characters = Array.from(clean);
  return characters.length <= max ? clean : `${characters.slice(0, Math.max(0, max - 1)).join('')}…`;
}

/** A value that has to begin a line (the first column in a pipe): quoted where it could be read as a command of a CI. */
export function lineStart(text: string): string {
  return /^\s*(?:::|##|section_(?:start|end):|---|\+\+\+|~~~|\^\^\^)/.test(text) ? JSON.stringify(text) : text;
}
