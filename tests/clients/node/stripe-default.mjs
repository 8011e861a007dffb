// stripe as it comes: its own agent, which asks no proxy variable.
import Stripe from 'stripe';
import { main } from './drive.mjs';

const client = new Stripe(process.env.STRIPE_API_KEY, { maxNetworkRetries: 0, telemetry: false, host: 'expired-stripe-sdk.example.test' });

await main({ permit: async () => (await client.customers.retrieve('c1')).id });
