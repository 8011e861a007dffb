// The fetch that is built into Node.
import { cellsOf, main } from './drive.mjs';

const options = (method, body) => ({ method, body, ...(body && typeof body !== 'string' ? { duplex: 'half' } : {}) });

await main(cellsOf({
  async request(method, url, body) {
    const response = await fetch(url, options(method, body));
    return { status: response.status, text: await response.text() };
  },
  async *chunks(url) {
    yield* (await fetch(url)).body;
  },
}));
