// Headless Chromium: navigation for what a person would open, fetch in the page for what a page would send.
import { chromium } from 'playwright-core';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SIZE, cellsOf, main } from './drive.mjs';
import { flags, proxyOf } from './browser.mjs';

const home = 'https://api.example.test/v1/refunds';
const profile = mkdtempSync(join(tmpdir(), 'chromium-'));
const browser = await chromium.launchPersistentContext(profile, {
  executablePath: '/usr/bin/chromium', headless: true, chromiumSandbox: false, args: flags, proxy: proxyOf(process.env),
});
const page = await browser.newPage();

const send = ([url, method, body, size]) => fetch(url, { method, body: size ? new Blob([new Uint8Array(size)]) : body })
  .then(async (answer) => ({ status: answer.status, text: await answer.text() }));

const read = async (url) => {
  const reader = (await fetch(url)).body.getReader();
  const pieces = [];
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return pieces;
    pieces.push([performance.now(), new TextDecoder().decode(value)]);
  }
};

async function open(url) {
  const answer = await page.goto(url);
  return { status: answer.status(), text: await page.innerText('body') };
}

async function fail(opened) {
  const { status, text } = await opened;
  throw new Error(`${status} ${text}`);
}

async function stream() {
  await page.goto(home);
  const pieces = await page.evaluate(read, 'https://api.example.test/sse?n=6&interval=0.06');
  return { count: pieces.length, spread: pieces.at(-1)[0] - pieces[0][0], text: pieces.map(([, text]) => text).join('') };
}

try {
  await main({
    ...cellsOf({
      async request(method, url, body) {
        if (method === 'GET') return open(url);
        await page.goto(home); // a page of the same origin, to send from
        return page.evaluate(send, typeof body === 'string' ? [url, method, body, 0] : [url, method, null, SIZE]);
      },
    }),
    refused: () => fail(open('https://api.example.test/v1/ledger')),
    streaming: stream,
  });
} finally {
  await browser.close();
  rmSync(profile, { recursive: true, force: true });
}
