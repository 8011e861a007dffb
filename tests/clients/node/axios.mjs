// axios: reads the proxy variables itself, on every Node. It throws for a refusal; the body is in error.response.data.
import axios from 'axios';
import { cellsOf, main } from './drive.mjs';

await main(cellsOf({
  async request(method, url, data) {
    const response = await axios({ method, url, data, maxBodyLength: Infinity, transformResponse: (text) => text });
    return { status: response.status, text: response.data };
  },
  async *chunks(url) {
    yield* (await axios.get(url, { responseType: 'stream' })).data;
  },
}));
