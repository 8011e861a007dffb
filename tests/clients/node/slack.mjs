// @slack/web-api with a token from SLACK_BOT_TOKEN. By default it retries for half an hour; that is switched off here.
import { WebClient } from '@slack/web-api';
import { SIZE, main } from './drive.mjs';

const options = { retryConfig: { retries: 0 } };
const client = new WebClient(process.env.SLACK_BOT_TOKEN, options);
const post = (to = client, text = 'hello') => to.chat.postMessage({ channel: 'C1', text });

await main({
  permit: async () => (await post()).ts,
  refused: () => client.chat.delete({ channel: 'C1', ts: '1.2' }),
  no_identity: () => post(),
  origin_tls_error: () => post(new WebClient(process.env.SLACK_BOT_TOKEN, { ...options, slackApiUrl: 'https://expired-slack-sdk.example.test/api/' })),
  large_upload: () => post(client, 'x'.repeat(SIZE)),
  redirect_refused: () => client.apiCall('moved'),
  keep_alive: async () => {
    for (let n = 0; n < 4; n += 1) await post(client, `${n}`);
  },
});
