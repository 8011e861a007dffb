// An OAuth 2 authorization server with token exchange (RFC 8693), for tests: node server.mjs PORT
//
// Environment: TRUSTED, a JSON object from the issuers of subject tokens to their JWK sets; CLIENT_SECRET, the secret of
// the client "exeat". The client "exeat-signed" authenticates with private_key_jwt, its keys are in CLIENT_JWKS.
// The client "token-bot" is a workload that gets tokens about itself. Resources: api and exeat (JWT), opaque (revocable),
// long (lives an hour), careless (every scope, whatever was asked). The clients "exeat-client" (secret in Authorization),
// "exeat-post" (in the form) and "exeat-signed" get tokens by client credentials and by a JWT as a grant (RFC 7523 §2.1);
// "exeat-client" refreshes, too: its first refresh token comes by the grant "urn:test:authorize", which stands for a person who
// logs in and agrees. Refresh tokens rotate, and one that is used twice ends its family.
import { createRemoteJWKSet, exportJWK, generateKeyPair, jwtVerify } from 'jose'
import { errors, Provider } from 'oidc-provider'

const port = Number(process.argv[2])
const issuer = `http://127.0.0.1:${port}`
const EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange'
const JWT = 'urn:ietf:params:oauth:token-type:jwt'
const BEARER = 'urn:ietf:params:oauth:grant-type:jwt-bearer'
const AUTHORIZE = 'urn:test:authorize'
const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token'
const SCOPES = ['items:read', 'items:write', 'items:delete']

const resource = (name, accessTokenFormat, accessTokenTTL = 60) => {
  const audience = `https://${name}.example.test`
  const jwt = accessTokenFormat === 'jwt' ? { jwt: { sign: { alg: 'ES256' } } } : {}
  return [audience, { audience, scope: SCOPES.join(' '), accessTokenFormat, accessTokenTTL, ...jwt }]
}
const resources = new Map([
  resource('api', 'jwt'), resource('exeat', 'jwt'), resource('opaque', 'opaque'), resource('long', 'jwt', 3600), resource('careless', 'jwt'),
])

const trusted = Object.entries(JSON.parse(process.env.TRUSTED ?? '{}'))
const keysOf = new Map(trusted.map(([name, jwks]) => [name, createRemoteJWKSet(new URL(jwks))]))

const signing = async (alg) => {
  const { privateKey } = await generateKeyPair(alg, { extractable: true })
  return { ...(await exportJWK(privateKey)), alg, kid: alg, use: 'sig' }
}

const client = { redirect_uris: [], response_types: [], grant_types: [EXCHANGE], scope: 'items:read items:write' }
const OWN = ['client_credentials', BEARER]
const provider = new Provider(issuer, {
  jwks: { keys: [await signing('ES256'), await signing('RS256')] },
  clients: [
    { ...client, client_id: 'exeat', client_secret: process.env.CLIENT_SECRET },
    {
      ...client, client_id: 'exeat-client', client_secret: process.env.CLIENT_SECRET,
      grant_types: [...OWN, AUTHORIZE, 'refresh_token', 'authorization_code'], response_types: ['code'], redirect_uris: ['https://exeat.test/cb'],
    },
    {
      ...client, client_id: 'exeat-post', client_secret: process.env.CLIENT_SECRET, grant_types: OWN,
      token_endpoint_auth_method: 'client_secret_post',
    },
    ...(process.env.CLIENT_JWKS ? [{
      ...client, client_id: 'exeat-signed', grant_types: [EXCHANGE, ...OWN], jwks_uri: process.env.CLIENT_JWKS,
      token_endpoint_auth_method: 'private_key_jwt', token_endpoint_auth_signing_alg: 'ES256',
    }] : []),
    { ...client, client_id: 'token-bot', client_secret: 'workload-secret', grant_types: ['client_credentials'] },
    { ...client, client_id: 'origin', client_secret: 'origin-secret', grant_types: ['client_credentials'] },
  ],
  clientAuthMethods: ['client_secret_basic', 'client_secret_post', 'private_key_jwt'],
  findAccount: (_ctx, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
  rotateRefreshToken: true,
  // The keys of "exeat-signed" are on this machine, which the provider's own dispatcher refuses to reach.
  fetch: (url, { dispatcher: _, ...options }) => fetch(url, options),
  scopes: [...SCOPES, 'openid', 'offline_access'],
  extraTokenClaims: (_ctx, token) => token.extra,
  formats: { customizers: { jwt: (_ctx, token, jwt) => { Object.assign(jwt.payload, token.extra?.sub ? { sub: token.extra.sub } : {}) } } },
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    introspection: { enabled: true, allowedPolicy: (_ctx, caller) => caller.clientId === 'origin' },
    revocation: { enabled: true, allowedPolicy: (_ctx, caller, token) => caller.clientId === token.clientId },
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo: (_ctx, id) => resources.get(id) ?? Promise.reject(new errors.InvalidTarget()),
    },
  },
})

// One of our agents' own words: signed by an issuer we trust, meant for us, not yet over.
const word = async (token, type) => {
  if (type !== JWT) throw new errors.InvalidRequest('only JWTs are understood')
  const claimed = JSON.parse(Buffer.from(String(token).split('.')[1] ?? '', 'base64url').toString() || '{}')
  const keys = keysOf.get(claimed.iss)
  if (!keys) throw new errors.InvalidRequest('the issuer of a token is not trusted')
  try {
    return (await jwtVerify(token, keys, { issuer: claimed.iss, audience: issuer, requiredClaims: ['sub', 'jti', 'exp'] })).payload
  } catch (error) {
    throw new errors.InvalidGrant(error.message)
  }
}

const FIELDS = ['scope', 'resource', 'audience', 'requested_token_type',
  'subject_token', 'subject_token_type', 'actor_token', 'actor_token_type']
provider.registerGrantType(EXCHANGE, async (ctx) => {
  const { params: asked, client: caller } = ctx.oidc
  const subject = await word(asked.subject_token, asked.subject_token_type)
  const actor = asked.actor_token ? await word(asked.actor_token, asked.actor_token_type) : { sub: caller.clientId }
  if (subject.may_act?.sub !== actor.sub) throw new errors.InvalidGrant('this actor may not act for the subject')
  const id = asked.resource ?? asked.audience
  if (!resources.has(id)) throw new errors.InvalidTarget('there is no such resource')
  const scopes = (asked.scope ?? '').split(' ').filter(Boolean)
  const allowed = caller.scope.split(' ')
  for (const scope of scopes) if (!allowed.includes(scope)) throw new errors.InvalidScope('not for this client', scope)
  const granted = id.includes('careless') ? SCOPES : scopes
  const token = new provider.ClientCredentials({
    client: caller, scope: granted.join(' '), extra: { sub: subject.sub, act: { sub: actor.sub } },
  })
  token.resourceServer = new provider.ResourceServer(id, resources.get(id))
  const value = await token.save()
  ctx.body = {
    access_token: value, issued_token_type: ACCESS_TOKEN, token_type: 'Bearer',
    expires_in: token.expiration, scope: token.scope,
  }
}, FIELDS)

provider.registerGrantType(BEARER, async (ctx) => {
  const { params: asked, client: caller } = ctx.oidc
  const subject = await word(asked.assertion, JWT)
  if (!resources.has(asked.resource)) throw new errors.InvalidTarget('there is no such resource')
  const scopes = (asked.scope ?? '').split(' ').filter(Boolean)
  for (const scope of scopes) if (!caller.scope.split(' ').includes(scope)) throw new errors.InvalidScope('not for this client', scope)
  const token = new provider.ClientCredentials({ client: caller, scope: scopes.join(' '), extra: { sub: subject.sub } })
  token.resourceServer = new provider.ResourceServer(asked.resource, resources.get(asked.resource))
  ctx.body = { access_token: await token.save(), token_type: 'Bearer', expires_in: token.expiration, scope: token.scope }
}, ['scope', 'resource', 'assertion'])

provider.registerGrantType(AUTHORIZE, async (ctx) => {
  const { params: asked, client: caller } = ctx.oidc
  const grant = new provider.Grant({ accountId: 'somebody', clientId: caller.clientId })
  grant.addOIDCScope('openid offline_access')
  grant.addResourceScope(asked.resource, caller.scope)
  const refresh = new provider.RefreshToken({
    client: caller, accountId: 'somebody', grantId: await grant.save(), gty: 'authorization_code', rotations: 0,
    scope: `openid offline_access ${caller.scope}`, resource: asked.resource, authTime: Math.floor(Date.now() / 1000),
  })
  ctx.body = { refresh_token: await refresh.save() }
}, ['resource'])

provider.listen(port, '127.0.0.1')
