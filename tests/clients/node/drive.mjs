// Runs one cell of the client matrix: node CLIENT.mjs CELL. The client is told nothing of Exeat; its proxy, its trust and
// its key come from the environment. What came out goes to stdout as one JSON line; an error is printed there and then left
// uncaught, so that stderr holds exactly what a user of this client would read.
import { Readable } from 'node:stream';

export const SIZE = 8 * 1024 * 1024;
const API = 'https://api.example.test';
const BROKEN = 'https://expired.example.test';
const MOVED = `${API}/redirect?to=https://evil.example.test/collect`;

/** SIZE bytes in pieces, so that nothing has to hold them whole. */
export function* pieces() {
  const piece = Buffer.alloc(65536, 'exeat');
  for (let left = SIZE; left > 0; left -= piece.length) yield piece;
}

export const upload = () => Readable.from(pieces(), { objectMode: false });

/** The cells of an HTTP client, made from its two verbs: request(method, url, body) -> {status, text} and chunks(url). */
export function cellsOf({ request, chunks }) {
  const ask = async (method, url, body) => {
    const { status, text } = await request(method, url, body);
    if (status >= 300) throw new Error(`${method} ${url}: ${status} ${text}`);
    return text;
  };
  return {
    permit: () => ask('GET', `${API}/v1/refunds`),
    refused: () => ask('POST', `${API}/v1/payouts`, '{"amount": 1}'),
    no_identity: () => ask('GET', `${API}/v1/refunds`),
    origin_tls_error: () => ask('GET', `${BROKEN}/v1/refunds`),
    streaming: () => timed(chunks(`${API}/sse?n=6&interval=0.06`)),
    large_upload: () => ask('POST', `${API}/upload`, upload()),
    redirect_refused: () => ask('GET', MOVED),
    keep_alive: async () => {
      for (let n = 0; n < 4; n += 1) await ask('GET', `${API}/v1/refunds/${n}`);
    },
  };
}

/** How many pieces came, and how long after the first the last one did (milliseconds). */
export async function timed(stream) {
  const decoder = new TextDecoder();
  let [text, first, last, count] = ['', 0, 0, 0];
  for await (const piece of stream) {
    last = performance.now();
    first ||= last;
    count += 1;
    text += typeof piece === 'string' ? piece : piece instanceof Uint8Array ? decoder.decode(piece, { stream: true }) : JSON.stringify(piece);
  }
  return { count, spread: last - first, text };
}

export async function main(cells) {
  try {
    const result = await cells[process.argv[2]]();
    console.log(JSON.stringify({ ok: true, result }));
  } catch (error) {
    console.log(JSON.stringify({ ok: false, message: String(error?.message ?? error) }));
    throw error;
  }
}
