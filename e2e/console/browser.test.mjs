// The console in a real browser against a real server.
//
// Environment: SIDETAIL_URL, SIDETAIL_ACCESS_KEY_ID, SIDETAIL_ACCESS_KEY_SECRET, SIDETAIL_PROJECT,
// SIDETAIL_LOGSTORE (with logs of the last seven days in it), and optionally CHROMIUM and
// SCREENSHOT_DIR.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Console, launch, settings } from './console.mjs';

const env = settings(process.env);
let browser;
let page;

before(async () => {
  browser = await launch(env);
  page = await Console.open(browser, env);
});

after(async () => {
  await browser?.close();
});

test('the page comes with a policy that forbids inline code', async () => {
  const response = await page.goto('');
  const policy = response.headers()['content-security-policy'] ?? '';
  assert.match(policy, /default-src 'self'/);
  assert.doesNotMatch(policy, /unsafe-inline|unsafe-eval/);
});

test('a wrong secret is refused, and the page says so', async (t) => {
  if (!(await page.needsLogin())) return t.skip('the server runs without authentication');
  await page.expectingRefusals(async () => {
    await page.login(env.accessKeyId, `${env.accessKeySecret}x`);
    await page.find('[role=alert]').waitFor();
  });
});

test('signing in leads to the choice of project and logstore', async () => {
  if (await page.needsLogin()) {
    await page.screenshot('login');
    await page.login(env.accessKeyId, env.accessKeySecret);
  }
  await page.choose(env.project);
  await page.choose(env.logstore);
  await page.untilDone();
  assert.match(page.path(), /\/console\/projects\/[^/]+\/logstores\/[^/?]+/);
});

test('a logstore is chosen from the list in the head, with the keyboard', async () => {
  await page.find('[data-picker]').nth(1).click();
  await page.type(env.logstore);
  await page.press('Enter');
  await page.find('[role=listbox]').waitFor({ state: 'detached' });
  await page.untilDone();
  assert.ok(page.path().includes(`/logstores/${encodeURIComponent(env.logstore)}`));
});

test('a list closes by its button and by Escape', async () => {
  const button = page.find('[data-action=range]');
  const list = page.find('[role=dialog]');
  await button.click();
  await button.click();
  await list.waitFor({ state: 'detached' });
  await button.click();
  await page.press('Escape');
  await list.waitFor({ state: 'detached' });
});

test('the newest lines and a histogram are shown', async () => {
  await page.selectRange(604_800);
  const total = await page.untilRows();
  assert.ok(total > 0, 'the histogram counts no line');
  const times = await page.rowTimes();
  assert.ok(times.length > 0);
  assert.deepEqual(times, [...times].sort().reverse(), 'the rows are not newest first');
  assert.ok(await page.histogramIsDrawn(), 'the canvas of the histogram is blank');
  await page.screenshot('search-light');
});

test('a row opens into its fields, tags and meta', async () => {
  await page.openRow(0);
  assert.ok((await page.names('fields')).length > 0);
  const meta = await page.names('meta');
  assert.ok(meta.includes('__time__') && meta.includes('__source__'), `meta is ${meta}`);
  await page.screenshot('row-open');
});

test('a click on a value narrows the search, and back widens it again', async () => {
  const wide = await page.total();
  const { name, value } = await page.clickValue('fields', 0);
  await page.untilDone();
  const query = page.searchParam('query');
  assert.ok(query.startsWith(`${name}:"`) || query.startsWith(`"${name}":"`), `the query is ${query}`);
  const narrow = await page.untilRows();
  assert.ok(narrow > 0, `of ${wide} lines none has ${name}:"${value}"`);
  assert.equal(await page.queryText(), query);
  await page.back();
  await page.untilDone();
  assert.equal(page.searchParam('query'), '');
  assert.equal(await page.queryText(), '');
});

test('a query is written and run with the keyboard', async () => {
  await page.untilRows();
  await page.press('/');
  await page.type('not surely_no_line_has_this_word');
  await page.press('Enter');
  await page.untilDone();
  assert.equal(page.searchParam('query'), 'not surely_no_line_has_this_word');
  assert.ok((await page.untilRows()) > 0);
  await page.press('Escape');
  await page.press('j');
  await page.press('j');
  await page.press('k');
  await page.press('Enter');
  await page.find('[data-row="0"] [data-parts=fields]').waitFor();
  await page.press('Escape');
  await page.find('[data-row="0"] [data-parts=fields]').waitFor({ state: 'detached' });
});

test('a search without a result says what to do', async () => {
  await page.search('surely_no_line_has_this_word');
  await page.untilDone();
  assert.equal(await page.find('.notice').count(), 1);
  await page.screenshot('nothing-found');
});

test('a query is typed over again and again', async () => {
  // Selected and replaced before the editor has heard of the selection; whether the browser gets
  // to style the text itself, against the page's policy, is seen at the end.
  for (const query of Array.from({ length: 12 }, (_, i) => `status:${i} and "word" not ${i}*`)) {
    await page.write(query);
    assert.equal(await page.queryText(), query);
  }
});

test('an error in the query is shown with its place', async () => {
  await page.expectingRefusals(async () => {
    await page.search('(status:200');
    await page.find('[role=alert]').waitFor();
  });
  await page.screenshot('query-error');
});

test('a brush over the histogram zooms in', async () => {
  await page.search('');
  await page.untilRows();
  await page.brushTallestBar();
  await page.untilDone();
  const from = Number(page.searchParam('from'));
  const to = Number(page.searchParam('to'));
  assert.ok(from > 0 && to > from && to - from < 604_800, `zoomed to ${from}–${to}`);
  assert.ok((await page.untilRows()) > 0);
  await page.screenshot('zoomed');
});

test('the address is the whole state', async () => {
  await page.search('not surely_no_line_has_this_word');
  const total = await page.untilRows();
  const before = { path: page.path(), text: await page.queryText() };
  await page.reload();
  // Lines may still be arriving in the range.
  assert.ok((await page.untilRows()) >= total);
  assert.deepEqual({ path: page.path(), text: await page.queryText() }, before);
});

test('the page speaks Chinese, also after a reload, and English again', async () => {
  await page.find('[data-action=language]').click();
  await page.find('button[data-action=run]', '查询').waitFor();
  assert.equal(await page.language(), 'zh-CN');
  await page.reload();
  await page.untilRows();
  assert.equal(await page.language(), 'zh-CN');
  await page.openRow(0);
  await page.screenshot('search-zh');
  await page.find('[data-action=language]').click();
  assert.equal(await page.language(), 'en');
});

test('the page has dark colours too', async () => {
  await page.setTheme('dark');
  assert.ok(await page.histogramIsDrawn());
  await page.screenshot('search-dark');
  await page.setTheme('light');
});

test('machine groups are shown', async () => {
  await page.find('nav button >> nth=1').click();
  await page.find('main h1, main h2').first().waitFor();
  assert.match(page.path(), /\/machinegroups$/);
  assert.equal(await page.find('[role=alert]').count(), 0);
  await page.screenshot('machine-groups');
});

test('nothing was blocked, nothing failed, and nothing was loaded from elsewhere', () => {
  assert.deepEqual(page.problems, []);
});
