// node:https; it follows no redirects, so the script does, as such scripts have to. node https.mjs CELL [agent|own-agent]: with
// the default agent, with one that is given the environment (`proxyEnv`), or with one that isn't and so knows no proxy.
import { Agent, request as open } from 'node:https';
import { Readable } from 'node:stream';
import { cellsOf, main } from './drive.mjs';

const agents = {
  agent: () => new Agent({ keepAlive: true, proxyEnv: process.env }),
  'own-agent': () => new Agent({ keepAlive: true }),
};
const agent = agents[process.argv[3]]?.();

const send = (method, url, body) => new Promise((resolve, reject) => {
  const outgoing = open(url, { method, agent }, resolve).on('error', reject);
  if (body instanceof Readable) body.pipe(outgoing);
  else outgoing.end(body);
});

const read = async (stream) => Buffer.concat(await stream.toArray()).toString();

async function request(method, url, body) {
  const response = await send(method, url, body);
  const text = await read(response);
  return response.headers.location ? request('GET', response.headers.location) : { status: response.statusCode, text };
}

await main(cellsOf({
  request,
  async *chunks(url) {
    yield* await send('GET', url);
  },
}));
