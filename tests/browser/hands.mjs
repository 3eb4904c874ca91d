// The hands and eyes of a person who walks through the service by keyboard: each page is measured as it is seen.

import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";

import { emulate, inspect, launch, root, settings } from "./checks.mjs";

const shots = join(root, "target/browser/shots");
const people = [];
/** What was seen so far, and the name of the walk in the names of its pictures. */
export const tally = { walk: "walk", pages: 0, findings: 0 };

/** A browser of one person, who is told of everything that another origin is asked for. */
export async function person(role, url) {
  await mkdir(shots, { recursive: true });
  const started = await launch();
  people.push(started);
  const [tab] = await started.browser.pages();
  tab.role = role;
  tab.on("request", (request) => {
    if (!request.url().startsWith(url) && !/^(data|about|chrome)/.test(request.url())) complain("request", `another origin: ${request.url()}`);
  });
  return tab;
}

/** Walks, closes every browser and ends the process with what was found: 0 where all is well. */
export async function finish(walk, stop) {
  let failed = null;
  try {
    await walk();
  } catch (error) {
    failed = error;
  } finally {
    for (const { browser, profile } of people) {
      await browser.close();
      await rm(profile, { recursive: true, force: true });
    }
    await stop();
  }
  if (failed) process.stdout.write(`the walk ends early: ${failed.message}\n`);
  process.stdout.write(`${tally.pages} pages, ${tally.pages * settings.length} measurements, ${tally.findings} findings\n`);
  process.exit(failed || tally.findings > 0 ? 1 : 0);
}

/** Measures the page that a tab shows, in every setting. */
export async function look(tab, name) {
  tally.pages += 1;
  const number = String(tally.pages).padStart(2, "0");
  for (const { scheme, width, height } of settings) {
    await tab.setViewport({ width, height });
    await emulate(tab, "screen", scheme);
    await tab.screenshot({ path: join(shots, `${tally.walk}-${number}-${name}-${scheme}.png`), fullPage: true });
    for (const finding of new Set(await inspect(tab))) complain(`${name} ${scheme} ${width}`, finding);
  }
  await tab.setViewport({ width: 1280, height: 900 });
}

export function complain(where, what) {
  tally.findings += 1;
  process.stdout.write(`${where}: ${what}\n`);
}

export async function open(tab, url, name) {
  await tab.goto(url, { waitUntil: "load" });
  await look(tab, name);
}

/** Types into fields by name, from the keyboard. */
export async function fill(tab, answers) {
  for (const [name, value] of Object.entries(answers)) {
    const field = await tab.waitForSelector(`main [name="${name}"]:not([type=hidden]):not([type=radio])`, { timeout: 5_000 });
    await field.focus();
    await tab.keyboard.down("Control");
    await tab.keyboard.press("a");
    await tab.keyboard.up("Control");
    await tab.keyboard.press("Delete");
    await tab.keyboard.type(value);
  }
}

/** Chooses a radio button with the space bar. */
export async function choose(tab, name, value) {
  await tab.focus(`main input[name="${name}"][value="${value}"]`);
  await tab.keyboard.press("Space");
}

/** Presses a button with the enter key: by its words, or by where its form goes. */
export async function press(tab, words, name, action) {
  const button = await tab.evaluateHandle(
    (text, goes) =>
      [...document.querySelectorAll("main form button, main button")].find(
        (candidate) =>
          (!text || candidate.textContent.trim().startsWith(text)) &&
          (!goes || candidate.closest("form")?.getAttribute("action")?.endsWith(goes)),
      ),
    words,
    action ?? null,
  );
  if (!button.asElement()) throw new Error(`${tab.role} finds no button ${words ?? action} at ${tab.url()}`);
  await button.asElement().focus();
  await Promise.all([tab.waitForNavigation({ waitUntil: "load", timeout: 10_000 }), tab.keyboard.press("Enter")]);
  if (name) await look(tab, name);
}

/** Follows a link by its words, with the enter key. */
export async function follow(tab, words, name) {
  const link = await tab.evaluateHandle(
    (text) => [...document.querySelectorAll("main a")].find((candidate) => candidate.textContent.trim().startsWith(text)),
    words,
  );
  if (!link.asElement()) throw new Error(`${tab.role} finds no link ${words} at ${tab.url()}`);
  await link.asElement().focus();
  await Promise.all([tab.waitForNavigation({ waitUntil: "load", timeout: 10_000 }), tab.keyboard.press("Enter")]);
  await look(tab, name);
}

export async function shows(tab, text) {
  const body = await tab.evaluate(() => document.body.innerText);
  if (!body.includes(text)) throw new Error(`${tab.role} does not read "${text}" at ${tab.url()}`);
}

/** Reloads a page until the machine has brought the case to where it says this. */
export async function reaches(tab, page, text) {
  const end = Date.now() + 30_000;
  for (;;) {
    await tab.goto(page, { waitUntil: "load" });
    const body = await tab.evaluate(() => document.body.innerText);
    if (body.includes(text)) return;
    if (Date.now() > end) throw new Error(`the case at ${page} never says "${text}"`);
    await new Promise((ready) => setTimeout(ready, 200));
  }
}
