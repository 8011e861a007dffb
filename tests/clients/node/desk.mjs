// A browser robot that opens a page behind a login without logging in, and tells all that it holds afterwards.
// node desk.mjs desk FOLDER; prints what it found as one JSON line.
import { chromium } from 'playwright-core';
import { join } from 'node:path';
import { flags, proxyOf } from './browser.mjs';
import { main } from './drive.mjs';

async function desk() {
  const browser = await chromium.launchPersistentContext(join(process.argv[3], 'profile'), {
    executablePath: '/usr/bin/chromium', headless: true, chromiumSandbox: false, args: flags, proxy: proxyOf(process.env),
  });
  try {
    const page = await browser.newPage();
    const answer = await page.goto('https://desk.example.test/');
    await page.reload();
    return {
      status: answer.status(), title: await page.title(), text: await page.content(),
      cookies: (await browser.cookies()).map(({ name, value }) => `${name}=${value}`),
    };
  } finally {
    await browser.close();
  }
}

await main({ desk });
