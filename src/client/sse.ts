// The wire format of server-sent events (WHATWG HTML, 9.2.6), from bytes to events.

export interface SseEvent {
  readonly name: string;
  readonly id: string | null;
  readonly data: string;
}

/** A single event larger than this ends the stream: nothing that Signalbox sends comes near it. */
const maxBufferedChars = 4 * 1024 * 1024;

export async function* parseEvents(body: ReadableStream<Uint8Array>): AsyncGenerator<SseEvent> {
  const decoder = new TextDecoder();
  let rest = '';
  let fields = empty();
  for await (const chunk of chunksOf(body)) {
    rest += decoder.decode(chunk, { stream: true });
    const lines = rest.split(/\r\n|\n|\r(?!$)/);
    rest = lines.pop() ?? '';
    for (const line of lines) {
      if (line !== '') {
        take(fields, line);
        continue;
      }
      if (fields.data.length > 0) yield { name: fields.name, id: fields.id, data: fields.data.join('\n') };
      fields = empty();
    }
    if (rest.length + fields.chars > maxBufferedChars) throw new Error('an event of the stream is too large');
  }
}

/** By a reader: not every browser can iterate over a stream. */
async function* chunksOf(body: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
  const reader = body.getReader();
  try {
    for (let next = await reader.read(); !next.done; next = await reader.read()) yield next.value;
  } finally {
    // Whoever stops reading hangs up.
    await reader.cancel().catch(() => undefined);
  }
}

interface Fields {
  name: string;
  id: string | null;
  data: string[];
  chars: number;
}

function empty(): Fields {
  return { name: 'message', id: null, data: [], chars: 0 };
}

function take(fields: Fields, line: string): void {
  const colon = line.indexOf(':');
  if (colon === 0) return; // a comment, sent to keep the connection open
  const field = colon < 0 ? line : line.slice(0, colon);
  const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
  fields.chars += value.length;
  if (field === 'event') fields.name = value;
  else if (field === 'data') fields.data.push(value);
  else if (field === 'id' && !value.includes('\0')) fields.id = value;
}
