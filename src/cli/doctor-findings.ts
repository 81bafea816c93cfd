// What a check of the doctor comes to.

export interface Finding {
  readonly kind: 'good' | 'note' | 'failure';
  readonly check: string;
  readonly text: string;
  /** Where the setting came from, where it is one. */
  readonly from: string | null;
}

export function good(check: string, text: string, from: string | null): Finding {
  return { kind: 'good', check, text, from };
}

export function note(check: string, text: string, from: string | null): Finding {
  return { kind: 'note', check, text, from };
}

export function failure(check: string, text: string, from: string | null): Finding {
  return { kind: 'failure', check, text, from };
}
