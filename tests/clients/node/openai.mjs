// The openai SDK: key from OPENAI_API_KEY, everything else by default. Retries are off so that an error shows at once.
import OpenAI from 'openai';
import { main, pieces, timed } from './drive.mjs';

const client = new OpenAI({ maxRetries: 0 });
const ask = (to = client, text = 'hello') => to.chat.completions.create({ model: 'gpt-5', messages: [{ role: 'user', content: text }] });

await main({
  permit: async () => (await ask()).choices[0].message.content,
  refused: () => client.models.delete('gpt-5'),
  no_identity: () => ask(),
  origin_tls_error: () => ask(new OpenAI({ maxRetries: 0, baseURL: 'https://expired-openai-sdk.example.test/v1' })),
  streaming: async () => timed(await client.chat.completions.create({ model: 'gpt-5', messages: [{ role: 'user', content: 'hello' }], stream: true })),
  large_upload: () => client.files.create({ file: new File([...pieces()], 'data.jsonl'), purpose: 'batch' }),
  redirect_refused: () => client.models.retrieve('moved'),
  keep_alive: async () => {
    for (let n = 0; n < 4; n += 1) await client.models.retrieve(`m${n}`);
  },
});
