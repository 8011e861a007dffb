// node:https with the default agent; it follows no redirects, so the script does, as such scripts have to.
import { request as open } from 'node:https';
import { Readable } from 'node:stream';
import { cellsOf, main } from './drive.mjs';

const send = (method, url, body) => new Promise((resolve, reject) => {
  const outgoing = open(url, { method }, resolve).on('error', reject);
  if (body instanceof Readable) body.pipe(outgoing);
  else outgoing.end(body);
});

const read = async (stream) => Buffer.concat(await stream.toArray()).toString();

await main(cellsOf({
  async request(method, url, body) {
    const response = await send(method, url, body);
    const text = await read(response);
    if (response.headers.location) return this.request('GET', response.headers.location);
    return { status: response.statusCode, text };
  },
  async *chunks(url) {
    yield* await send('GET', url);
  },
}));
