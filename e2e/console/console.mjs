// The console as its test sees it: what a person does and reads, by selectors kept in one place.

import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { chromium } from 'playwright-core';

const FLAGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];
const PATIENCE_MILLIS = 30_000;

export function settings(environment) {
  const required = (name) => {
    const value = environment[name];
    if (!value) throw new Error(`${name} is not set: see the head of browser.test.mjs`);
    return value;
  };
  return {
    url: new URL('/console/', required('SIDETAIL_URL')).href,
    accessKeyId: required('SIDETAIL_ACCESS_KEY_ID'),
    accessKeySecret: required('SIDETAIL_ACCESS_KEY_SECRET'),
    project: required('SIDETAIL_PROJECT'),
    logstore: required('SIDETAIL_LOGSTORE'),
    chromium: environment.CHROMIUM || '/usr/bin/chromium',
    screenshots: environment.SCREENSHOT_DIR || null,
  };
}

export function launch(env) {
  return chromium.launch({ executablePath: env.chromium, args: FLAGS });
}

export class Console {
  /** What must not happen: script errors, blocked or failed loads, loads from other places. */
  problems = [];
  #page;
  #env;
  #refusalsExpected = false;

  static async open(browser, env) {
    const context = await browser.newContext({
      viewport: { width: 1440, height: 900 },
      locale: 'en-US',
      colorScheme: 'light',
    });
    const page = await context.newPage();
    page.setDefaultTimeout(PATIENCE_MILLIS);
    return new Console(page, env);
  }

  constructor(page, env) {
    this.#page = page;
    this.#env = env;
    const origin = new URL(env.url).origin;
    page.on('pageerror', (error) => this.problems.push(`script error: ${error.message}`));
    page.on('console', (message) => {
      const refusal = message.text().startsWith('Failed to load resource');
      if (['error', 'warning'].includes(message.type()) && !(refusal && this.#refusalsExpected)) {
        this.problems.push(`console ${message.type()}: ${message.text()}`);
      }
    });
    page.on('request', (request) => {
      if (new URL(request.url()).origin !== origin) this.problems.push(`loaded from elsewhere: ${request.url()}`);
    });
  }

  /** Runs steps during which the server is meant to refuse something. */
  async expectingRefusals(steps) {
    this.#refusalsExpected = true;
    try {
      await steps();
    } finally {
      this.#refusalsExpected = false;
    }
  }

  goto(path) {
    return this.#page.goto(new URL(path, this.#env.url).href);
  }

  find(selector, text) {
    return this.#page.locator(selector, text === undefined ? {} : { hasText: text });
  }

  async needsLogin() {
    await this.find('form input[name=password], header').first().waitFor();
    return (await this.find('input[name=password]').count()) > 0;
  }

  async login(accessKeyId, accessKeySecret) {
    await this.find('input[name=username]').fill(accessKeyId);
    await this.find('input[name=password]').fill(accessKeySecret);
    await this.find('button[type=submit]').click();
  }

  /** Chooses a project or logstore from the cards of the start page. */
  choose(name) {
    return this.#page.locator('button.card').filter({ has: this.#page.getByText(name, { exact: true }) }).click();
  }

  async selectRange(seconds) {
    await this.find('[data-action=range]').click();
    await this.find(`[data-range="${seconds}"]`).click();
    await this.untilDone();
  }

  /** Waits until the search on the screen has an answer, good or bad. */
  async untilDone() {
    await this.find('main[data-phase=ready], main[data-phase=failed]').waitFor();
  }

  /** Waits until there are rows, searching again while there are none; returns the total. */
  async untilRows() {
    const deadline = Date.now() + PATIENCE_MILLIS;
    for (;;) {
      await this.untilDone();
      if ((await this.find('[data-row]').count()) > 0) return this.total();
      if (Date.now() > deadline) throw new Error(`no rows in ${this.path()}: ${await this.find('main').innerText()}`);
      await this.find('[data-action=run]').click();
      await this.#page.waitForTimeout(200);
    }
  }

  async total() {
    return Number(await this.find('.histogram').getAttribute('data-total'));
  }

  async rowTimes() {
    return this.find('[data-row] time').evaluateAll((cells) => cells.map((cell) => cell.getAttribute('datetime').slice(0, 19)));
  }

  /** Whether anything but the axes is painted. */
  async histogramIsDrawn() {
    return (await this.#tallestBar()).pixels > 10;
  }

  /** The tallest bar by what is painted: its distance from the left edge, and its height. */
  #tallestBar() {
    return this.find('.histogram canvas').evaluate((canvas) => {
      const { width, height } = canvas;
      const { data } = canvas.getContext('2d').getImageData(0, 0, width, height);
      let best = { left: 0, pixels: 0 };
      for (let x = 0; x < width; x++) {
        let pixels = 0;
        for (let y = 0; y < height; y++) {
          const i = (y * width + x) * 4;
          // Bars are greener than red; axes and grid are grey.
          if (data[i + 3] > 200 && data[i + 1] - data[i] > 40) pixels++;
        }
        if (pixels > best.pixels) best = { left: (x * canvas.clientWidth) / width, pixels };
      }
      return best;
    });
  }

  async openRow(index) {
    await this.find(`[data-row="${index}"] button[aria-expanded=false]`).click();
    await this.find(`[data-row="${index}"] [data-parts=fields]`).waitFor();
  }

  names(part) {
    return this.find(`[data-row] [data-parts=${part}] th`).allInnerTexts();
  }

  async clickValue(part, index) {
    const row = this.find(`[data-parts=${part}] tr`).nth(index);
    const name = await row.locator('th').innerText();
    const value = await row.locator('button.value').innerText();
    await row.locator('button.value').click();
    return { name, value };
  }

  /** The text in the query box, which is in a shadow root. */
  queryText() {
    return this.find('[data-editor=query] .cm-content').evaluate((content) =>
      [...content.querySelectorAll('.cm-line')].map((line) => (line.querySelector('.cm-placeholder') ? '' : line.textContent)).join('\n'),
    );
  }

  /** Replaces the text in the query box. */
  write(query) {
    return this.find('[data-editor=query] .cm-content').fill(query);
  }

  async search(query) {
    await this.write(query);
    await this.find('[data-action=run]').click();
    await this.untilDone();
  }

  /** Drags over the tallest of the bars. */
  async brushTallestBar() {
    const { left } = await this.#tallestBar();
    const canvas = await this.find('.histogram canvas').boundingBox();
    const area = await this.find('.histogram .u-over').boundingBox();
    const inside = (x) => Math.min(Math.max(x, area.x + 1), area.x + area.width - 1);
    const middle = area.y + area.height / 2;
    await this.#page.mouse.move(inside(canvas.x + left - 8), middle);
    await this.#page.mouse.down();
    await this.#page.mouse.move(inside(canvas.x + left + 8), middle, { steps: 6 });
    await this.#page.mouse.up();
    await this.#page.waitForURL(/[?&]from=/);
  }

  async setTheme(theme) {
    for (let i = 0; i < 3; i++) {
      await this.find('[data-action=theme]').click();
      if ((await this.#page.evaluate(() => localStorage.getItem('sidetail.theme'))) === theme) return;
    }
    throw new Error(`the theme ${theme} cannot be chosen`);
  }

  language() {
    return this.#page.evaluate(() => document.documentElement.lang);
  }

  press(key) {
    return this.#page.keyboard.press(key);
  }

  type(text) {
    return this.#page.keyboard.type(text);
  }

  back() {
    return this.#page.goBack();
  }

  reload() {
    return this.#page.reload();
  }

  path() {
    const url = new URL(this.#page.url());
    return url.pathname + url.search;
  }

  searchParam(name) {
    return new URL(this.#page.url()).searchParams.get(name) ?? '';
  }

  async screenshot(name) {
    if (this.#env.screenshots === null) return;
    await mkdir(this.#env.screenshots, { recursive: true });
    await this.#page.screenshot({ path: join(this.#env.screenshots, `${name}.png`) });
  }
}
