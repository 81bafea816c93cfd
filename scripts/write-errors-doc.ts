// docs/errors.md, made from the table of codes: `node scripts/write-errors-doc.ts` writes it, and a test fails when it differs.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { problemKinds } from '../src/api/problems.ts';
import { exitCodeOf } from '../src/cli/text/exit-codes.ts';

export const errorsDocPath = join(import.meta.dirname, '../docs/errors.md');

export function errorsDoc(): string {
  const rows = Object.entries(problemKinds)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(
      ([code, { status, title, remedy }]) => `| \`${code}\` | ${status} | ${exitCodeOf(code)} | ${title} | ${remedy} |`,
    );
  return `# Errors

<!-- Made by scripts/write-errors-doc.ts from src/api/problems.ts. -->

Every error of \`/v1\` is a problem (RFC 9457, \`application/problem+json\`) with a code that is never renamed:

\`\`\`json
{
  "type": "/docs/errors#environment_busy",
  "title": "The environment is not free",
  "status": 409,
  "code": "environment_busy",
  "detail": "uat is held by deploy #42. Ask with ?wait= or queueSeconds to queue for it.",
  "requestId": "CTXaHG-5",
  "blockedBy": [{ "environment": "uat", "why": "held", "holder": { "name": "deploy #42", "url": null, "ref": null }, "since": "2026-11-23T08:00:00.000Z", "reason": null }]
}
\`\`\`

\`detail\` says what happened this time and what to do; \`field\` names the part of the request that is at fault. Programs decide by
\`code\`. \`requestId\` is also in the header \`Signalbox-Request-Id\` of every answer and in the server's log of its own mistakes.
Answers with 503 carry \`Retry-After\`: ask again, with the same \`Idempotency-Key\`, and nothing is done twice.

The column "exit" is what the CLI exits with.

| code | status | exit | what it means | what to do |
|---|---|---|---|---|
${rows.join('\n')}
`;
}

if (import.meta.main) writeFileSync(errorsDocPath, errorsDoc());
