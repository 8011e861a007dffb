// stripe: its own agent ignores every proxy variable, so it is given fetch, which is one documented option.
import Stripe from 'stripe';
import { SIZE, main } from './drive.mjs';

const options = { httpClient: Stripe.createFetchHttpClient(), maxNetworkRetries: 0, telemetry: false };
const client = new Stripe(process.env.STRIPE_API_KEY, options);
const broken = new Stripe(process.env.STRIPE_API_KEY, { ...options, host: 'expired-stripe-sdk.example.test' });

await main({
  permit: async () => (await client.customers.retrieve('c1')).id,
  refused: () => client.customers.del('c1'),
  no_identity: () => client.customers.retrieve('c1'),
  origin_tls_error: () => broken.customers.retrieve('c1'),
  large_upload: () => client.files.create({ purpose: 'dispute_evidence', file: { data: Buffer.alloc(SIZE, 'exeat'), name: 'a.bin', type: 'application/octet-stream' } }),
  redirect_refused: () => client.customers.retrieve('moved'),
  keep_alive: async () => {
    for (let n = 0; n < 4; n += 1) await client.customers.retrieve(`c${n}`);
  },
});
