// The completion scripts themselves. The words of the commands are written into them, so that only names (of environments,
// signals, barriers, machines, contexts) cost a call.

export const COMPLETED = [
  ...(['environments', 'signals', 'barriers'] as const),
  ...(['builds', 'pools', 'images', 'instances'] as const),
  ...(['spaces', 'contexts'] as const),
] as const;
/** Kinds of names that are asked for when Tab is pressed. */
export type Completed = (typeof COMPLETED)[number];

export interface Words {
  /** `['env', 'set']` */
  readonly path: readonly string[];
  readonly summary: string;
  readonly flags: readonly string[];
  readonly children: readonly string[];
  /** What is asked for at the place of an argument. */
  readonly completes: Completed | null;
  readonly ownWords: readonly string[];
}

/** Compared as text: `compgen -W` would evaluate what a server sent. */
export function bashScript(all: readonly Words[]): string {
  return `# Completion of signalbox for bash. Load it with: eval "$(signalbox completion bash)"
_signalbox() {
  local current=\${COMP_WORDS[COMP_CWORD]} path words ask= word
  path=\${COMP_WORDS[1]}
  COMPREPLY=()
  if [ "$COMP_CWORD" -le 1 ]; then
    words="${topLevel(all).join(' ')}"
  else
    case "$path \${COMP_WORDS[2]}" in ${nested(all)}) [ "$COMP_CWORD" -gt 2 ] && path="$path \${COMP_WORDS[2]}" ;; esac
    case "$path" in
${all.map((words) => `      "${words.path.join(' ')}") words="${offered(words)}"; ask=${words.completes ?? ''} ;;`).join('\n')}
      *) return ;;
    esac
  fi
  case "$current" in -*) ask= ;; esac
  for word in $words; do
    case "$word,$current" in -*,-*|[!-]*) ;; *) continue ;; esac
    case "$word" in "$current"*) COMPREPLY+=("$word") ;; esac
  done
  [ -n "$ask" ] && while IFS= read -r word; do
    case "$word" in "$current"*) COMPREPLY+=("$word") ;; esac
  done < <("\${COMP_WORDS[0]}" completion "$ask" 2>/dev/null)
}
complete -o default -F _signalbox signalbox
`;
}

export function zshScript(all: readonly Words[]): string {
  return `#compdef signalbox
# Completion of signalbox for zsh. Put it into a directory of $fpath as _signalbox.
_signalbox() {
  local -a words_offered
  local ask= place=$words[2]
  if (( CURRENT == 2 )); then
    words_offered=(${topLevel(all).join(' ')})
  else
    case "$place $words[3]" in ${nested(all)}) (( CURRENT > 3 )) && place="$place $words[3]" ;; esac
    case $place in
${all.map((words) => `      "${words.path.join(' ')}") words_offered=(${offered(words)}); ask=${words.completes ?? ''} ;;`).join('\n')}
    esac
  fi
  [[ -n $ask && $words[CURRENT] != -* ]] && words_offered+=(\${(f)"$($words[1] completion $ask 2>/dev/null)"})
  compadd -a words_offered
  (( $#words_offered )) || _files
}
if [[ $funcstack[1] == _signalbox ]]; then _signalbox "$@"; else compdef _signalbox signalbox; fi
`;
}

export function fishScript(all: readonly Words[]): string {
  const lines = [
    '# Completion of signalbox for fish. Put it into ~/.config/fish/completions/signalbox.fish.',
    'complete -c signalbox -f',
  ];
  for (const { path, summary, flags, children, completes, ownWords } of all) {
    const [command = '', child] = path;
    const seen =
      child === undefined
        ? `__fish_seen_subcommand_from ${command}`
        : `__fish_seen_subcommand_from ${command}; and __fish_seen_subcommand_from ${child}`;
    if (child === undefined)
      lines.push(`complete -c signalbox -n __fish_use_subcommand -a ${command} -d ${quoted(summary)}`);
    for (const word of [...children, ...ownWords]) lines.push(`complete -c signalbox -n '${seen}' -a ${word}`);
    for (const flag of flags)
      lines.push(
        `complete -c signalbox -n '${seen}' ${flag.startsWith('--') ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`}`,
      );
    if (completes !== null)
      lines.push(`complete -c signalbox -n '${seen}' -a '(signalbox completion ${completes} 2>/dev/null)'`);
  }
  return `${lines.join('\n')}\n`;
}

function topLevel(all: readonly Words[]): string[] {
  return all.filter(({ path }) => path.length === 1).map(({ path }) => path[0] ?? '');
}

/**
 * Patterns of what is a command below a command. Where a command also takes a name (`signal migrated`), only its own words are;
 * elsewhere whatever stands there, so that nothing is offered behind a mistyped one.
 */
function nested(all: readonly Words[]): string {
  return all
    .filter(({ children }) => children.length > 0)
    .flatMap(({ path, children, completes }) =>
      completes === null ? [`"${path.join(' ')} "*`] : children.map((child) => `"${[...path, child].join(' ')}"`),
    )
    .join('|');
}

function offered({ children, ownWords, flags }: Words): string {
  return [...children, ...ownWords, ...flags].join(' ');
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "\\'")}'`;
}
