// A real OpenID provider for tests: `node provider.mjs SETTINGS.json PATH-OF-OIDC-PROVIDER`. Prints "ready" once.
// Anybody who signs in with any password is who they say.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { pathToFileURL } from 'node:url';

const settings = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const { default: Provider } = await import(pathToFileURL(process.argv[3]));

const provider = new Provider(settings.issuer, {
  jwks: { keys: settings.keys },
  cookies: { keys: ['a key for cookies of tests'] },
  clients: [
    {
      client_id: 'kms',
      application_type: 'native',
      token_endpoint_auth_method: 'none',
      grant_types: ['authorization_code', 'refresh_token', 'urn:ietf:params:oauth:grant-type:device_code'],
      response_types: ['code'],
      redirect_uris: ['http://127.0.0.1/callback'],
      id_token_signed_response_alg: settings.alg,
    },
  ],
  findAccount: (_, id) => ({
    accountId: id,
    claims: () => ({ sub: id, email: `${id}@clinic.example`, email_verified: true }),
  }),
  claims: { openid: ['sub', 'email', 'email_verified'] },
  conformIdTokenClaims: false,
  pkce: { required: () => true },
  ttl: { AccessToken: settings.lifetime, IdToken: settings.lifetime, Session: 3600, Grant: 3600, Interaction: 600 },
  features: {
    deviceFlow: { enabled: true },
    devInteractions: { enabled: true },
    dPoP: { enabled: true },
    resourceIndicators: {
      enabled: true,
      useGrantedResource: () => true,
      getResourceServerInfo: (_, resource) => ({
        scope: '',
        audience: resource,
        accessTokenTTL: settings.lifetime,
        accessTokenFormat: 'jwt',
        jwt: { sign: { alg: settings.alg } },
      }),
    },
  },
});

const tls = { cert: readFileSync(settings.certificate), key: readFileSync(settings.key) };
createServer(tls, provider.callback()).listen(settings.port, '127.0.0.1', () => console.log('ready'));
