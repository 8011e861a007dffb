// An OpenID provider for logging in to the admin API, for tests: node login.mjs PORT
//
// Environment: CLIENT_SECRET of the client "exeat-admin"; REDIRECT, its redirect URI. Any password does; the login name says
// who it is: alice approves, oscar operates, root administers, eve is in no group that counts. IN_TOKEN puts groups into ID tokens.
import { exportJWK, generateKeyPair } from 'jose'
import { Provider } from 'oidc-provider'

const port = Number(process.argv[2])
const issuer = `http://localhost:${port}`
const GROUPS = { alice: ['security-team', 'staff'], oscar: ['ops'], root: ['admins'], eve: ['staff'] }

const signing = async (alg) => {
  const { privateKey } = await generateKeyPair(alg, { extractable: true })
  return { ...(await exportJWK(privateKey)), alg, kid: alg, use: 'sig' }
}

const provider = new Provider(issuer, {
  jwks: { keys: [await signing('ES256'), await signing('RS256')] },
  clients: [{
    client_id: 'exeat-admin', client_secret: process.env.CLIENT_SECRET, redirect_uris: [process.env.REDIRECT],
    grant_types: ['authorization_code'], response_types: ['code'],
  }],
  pkce: { required: () => true },
  scopes: ['openid'],
  claims: { openid: ['sub', ...(process.env.IN_TOKEN ? ['groups'] : [])], profile: ['name', 'groups'] },
  conformIdTokenClaims: !process.env.IN_TOKEN,
  findAccount: (_ctx, id) => ({ accountId: id, claims: () => ({ sub: id, name: `${id} of the test`, groups: GROUPS[id] ?? [] }) }),
  features: { devInteractions: { enabled: true } },
})

provider.listen(port, '127.0.0.1')
