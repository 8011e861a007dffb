// @octokit/rest on Node's fetch, with a token from GITHUB_TOKEN.
import { Octokit } from '@octokit/rest';
import { SIZE, main } from './drive.mjs';

const client = new Octokit({ auth: process.env.GITHUB_TOKEN });
const where = { owner: 'acme', repo: 'site' };

await main({
  permit: async () => (await client.repos.get(where)).data.full_name,
  refused: () => client.repos.delete(where),
  no_identity: () => client.repos.get(where),
  origin_tls_error: () => new Octokit({ auth: process.env.GITHUB_TOKEN, baseUrl: 'https://expired-github-sdk.example.test' }).repos.get(where),
  large_upload: async () => (await client.repos.uploadReleaseAsset({ ...where, release_id: 1, name: 'a.bin', data: Buffer.alloc(SIZE, 'exeat') })).data,
  redirect_refused: () => client.repos.get({ owner: 'acme', repo: 'moved' }),
  keep_alive: async () => {
    for (let n = 0; n < 4; n += 1) await client.repos.get({ owner: 'acme', repo: `r${n}` });
  },
});
