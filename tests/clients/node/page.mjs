// An operator at Exeat's own page, with the keyboard where it can be: signs in, watches, revokes a mission.
// node page.mjs operate URL TOKEN MISSION [SCREENSHOT-PREFIX]; prints what it saw as one JSON line.
import { chromium } from 'playwright-core';
import { flags } from './browser.mjs';
import { main } from './drive.mjs';

const [url, token, mission, shots] = process.argv.slice(3);

async function operate() {
  const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', headless: true, chromiumSandbox: false, args: flags });
  try {
    return await walk(await browser.newPage({ viewport: { width: 1280, height: 800 } }));
  } finally {
    await browser.close();
  }
}

async function walk(page) {
  const seen = { complaints: [], elsewhere: [], dialogs: 0 };
  page.on('console', (message) => { if (message.type() === 'error') seen.complaints.push(message.text()); });
  page.on('pageerror', (error) => seen.complaints.push(error.message));
  page.on('dialog', (dialog) => { seen.dialogs += 1; dialog.dismiss(); });
  page.on('request', (request) => { if (!request.url().startsWith(url)) seen.elsewhere.push(request.url()); });
  await page.goto(url);
  await page.keyboard.type('wrong');
  await page.keyboard.press('Enter');
  seen.refused = await page.locator('#sign-in-error').filter({ hasText: 'token' }).innerText();
  seen.complaints.length = 0; // the browser notes the 401 itself
  await page.fill('#token', token);
  await page.keyboard.press('Enter');
  const row = page.locator(`tr[data-mission="${mission}"]`);
  await row.waitFor();
  await page.locator('#decisions tbody tr').filter({ hasText: 'deny' }).first().waitFor();
  seen.row = await row.innerText();
  seen.decisions = await page.locator('#decisions tbody').innerText();
  await shoot(page, 'light');
  await narrow(page, seen);

  const button = row.getByRole('button');
  await button.press('Enter');
  await page.keyboard.press('Enter'); // the focus is on "Keep it"
  seen.kept = await page.locator('#confirm').evaluate((dialog) => !dialog.open);
  await button.press('Enter');
  await page.fill('#reason', 'a drill <b>');
  await shoot(page, 'confirm');
  await page.getByRole('button', { name: 'Revoke now' }).press('Enter');
  await page.locator('#revoked-figures dl').waitFor();
  seen.figures = await page.locator('#revoked-figures').innerText();
  seen.focus = await page.evaluate(() => document.activeElement.id);
  await row.waitFor({ state: 'detached' });
  await shoot(page, 'revoked');
  seen.title = await page.title();
  seen.strangers = await page.evaluate(() => document.querySelectorAll('img, script:not([src="/page.js"]), b, iframe').length);
  seen.stored = await page.evaluate(() => localStorage.length + sessionStorage.length + document.cookie.length);
  return seen;
}

async function narrow(page, seen) {
  const paper = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const light = await paper();
  await page.emulateMedia({ colorScheme: 'dark' });
  seen.dark = (await paper()) !== light;
  await page.setViewportSize({ width: 400, height: 800 });
  seen.width = await page.evaluate(() => document.documentElement.scrollWidth);
  await shoot(page, 'narrow');
  await page.emulateMedia({ colorScheme: 'light' });
  await page.setViewportSize({ width: 1280, height: 800 });
}

const shoot = (page, name) => (shots ? page.screenshot({ path: `${shots}-${name}.png` }) : undefined);

await main({ operate });
