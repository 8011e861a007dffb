// How a browser robot is started: quiet flags, and the proxy with its pass as Playwright wants them.
export const flags = [
  '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update',
  '--disable-sync',
];

export function proxyOf({ HTTPS_PROXY }) {
  const { origin, username, password } = new URL(HTTPS_PROXY);
  return { server: origin, username, password: decodeURIComponent(password) };
}
