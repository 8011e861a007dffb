// got, with its defaults but for retries. It throws for a refusal; the body is in error.response.body.
import got from 'got';
import { cellsOf, main } from './drive.mjs';

await main(cellsOf({
  async request(method, url, body) {
    const response = await got(url, { method, body, retry: { limit: 0 } });
    return { status: response.statusCode, text: response.body };
  },
  async *chunks(url) {
    yield* got.stream(url);
  },
}));
