// The Anthropic SDK: key from ANTHROPIC_API_KEY, everything else by default. Retries are off so that an error shows at once.
import Anthropic from '@anthropic-ai/sdk';
import { SIZE, main, timed } from './drive.mjs';

const client = new Anthropic({ maxRetries: 0 });
const prompt = (content = 'hello') => ({ model: 'claude-x', max_tokens: 64, messages: [{ role: 'user', content }] });

await main({
  permit: async () => (await client.messages.create(prompt())).content[0].text,
  refused: () => client.messages.batches.delete('b1'),
  no_identity: () => client.messages.create(prompt()),
  origin_tls_error: () => new Anthropic({ maxRetries: 0, baseURL: 'https://expired-anthropic-sdk.example.test' }).messages.create(prompt()),
  streaming: async () => timed(await client.messages.create({ ...prompt(), stream: true })),
  large_upload: () => client.messages.create(prompt('x'.repeat(SIZE))),
  redirect_refused: () => client.models.retrieve('moved'),
  keep_alive: async () => {
    for (let n = 0; n < 4; n += 1) await client.models.retrieve(`m${n}`);
  },
});
