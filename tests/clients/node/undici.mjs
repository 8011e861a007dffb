// undici's own request() with EnvHttpProxyAgent: works on a Node that knows no NODE_USE_ENV_PROXY.
import { cellsOf, main } from './drive.mjs';

const major = Number(process.versions.node.split('.')[0]);
const { EnvHttpProxyAgent, interceptors, request } = await import(major < 22 ? 'undici-7' : 'undici');
const agent = new EnvHttpProxyAgent();
const dispatcher = agent.compose(interceptors.redirect({ maxRedirections: 3 }));

await main(cellsOf({
  async request(method, url, body) {
    const response = await request(url, { method, body, dispatcher: method === 'GET' ? dispatcher : agent });
    return { status: response.statusCode, text: await response.body.text() };
  },
  async *chunks(url) {
    yield* (await request(url, { dispatcher: agent })).body;
  },
}));
