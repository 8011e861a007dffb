// An OAuth 2 authorization server with token exchange (RFC 8693), for tests: node server.mjs PORT
//
// Environment: TRUSTED, a JSON object from the issuers of subject tokens to their JWK sets; CLIENT_SECRET, the secret of
// the client "exeat". The client "exeat-signed" authenticates with private_key_jwt, its keys are in CLIENT_JWKS.
// The client "token-bot" is a workload that gets tokens about itself. Resources: api and exeat (JWT), opaque (revocable),
// long (lives an hour), careless (every scope, whatever was asked).
import { createRemoteJWKSet, exportJWK, generateKeyPair, jwtVerify } from 'jose'
import { errors, Provider } from 'oidc-provider'

const port = Number(process.argv[2])
const issuer = `http://127.0.0.1:${port}`
const EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange'
const JWT = 'urn:ietf:params:oauth:token-type:jwt'
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
const provider = new Provider(issuer, {
  jwks: { keys: [await signing('ES256'), await signing('RS256')] },
  clients: [
    { ...client, client_id: 'exeat', client_secret: process.env.CLIENT_SECRET },
    ...(process.env.CLIENT_JWKS ? [{
      ...client, client_id: 'exeat-signed', jwks_uri: process.env.CLIENT_JWKS,
      token_endpoint_auth_method: 'private_key_jwt', token_endpoint_auth_signing_alg: 'ES256',
    }] : []),
    { ...client, client_id: 'token-bot', client_secret: 'workload-secret', grant_types: ['client_credentials'] },
    { ...client, client_id: 'origin', client_secret: 'origin-secret', grant_types: ['client_credentials'] },
  ],
  clientAuthMethods: ['client_secret_basic', 'private_key_jwt'],
  // The keys of "exeat-signed" are on this machine, which the provider's own dispatcher refuses to reach.
  fetch: (url, { dispatcher: _, ...options }) => fetch(url, options),
  scopes: SCOPES,
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

provider.listen(port, '127.0.0.1')
