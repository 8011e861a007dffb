// node-fetch 3, which builds on node:https.
import fetch from 'node-fetch';
import { cellsOf, main } from './drive.mjs';

await main(cellsOf({
  async request(method, url, body) {
    const response = await fetch(url, { method, body });
    return { status: response.status, text: await response.text() };
  },
  async *chunks(url) {
    yield* (await fetch(url)).body;
  },
}));
