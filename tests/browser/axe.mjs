// Measures pages in headless Chromium: axe-core, width, size of targets, requests to other origins, print colors.
//
// Usage: node tests/browser/axe.mjs [--shots DIR] [--every] [--cookie NAME=VALUE] [FILE.html | URL]...
// `--every` measures in both color schemes at both widths.
// Without a page it takes every rendering under target/pages, which `cargo test --test it templates` writes.
// The packages come from target/browser: npm install --prefix target/browser axe-core puppeteer-core
// Exits 0 without a finding, 1 with findings, 7 where Chromium or a package is missing.

import { createServer } from "node:http";
import { mkdir, readFile, readdir, rm } from "node:fs/promises";
import { basename, extname, join } from "node:path";

import { emulate, everySetting, inspect, launch, root, settings } from "./checks.mjs";

/** Where the pictures of refusals go, so that they can be looked at together. */
const refusals = join(root, "target/screens/refusals");
const options = parse(process.argv.slice(2));
const server = await serve();
const pages = await list(options.pages);
// One tab at a time in each browser: a tab in the background paints nothing and has no picture to give.
const browsers = await Promise.all([launch(), launch()]);

let findings = 0;
let measured = 0;
try {
  for (const folder of [options.shots, refusals]) await mkdir(folder, { recursive: true });
  const work = pages.flatMap((page) => (options.every ? everySetting : settings).map((setting) => ({ page, setting })));
  const walk = async (browser) => {
    for (let next = work.shift(); next; next = work.shift()) {
      for (const finding of await measure(browser, next.page, next.setting)) {
        findings += 1;
        process.stdout.write(`${next.page.name} ${next.setting.scheme} ${next.setting.width}: ${finding}\n`);
      }
      measured += 1;
    }
  };
  await Promise.all(browsers.map(({ browser }) => walk(browser)));
} finally {
  for (const { browser, profile } of browsers) {
    await browser.close();
    await rm(profile, { recursive: true, force: true });
  }
  server.close();
}
process.stdout.write(`${pages.length} pages, ${measured} measurements, ${findings} findings\n`);
process.exit(findings === 0 && measured > 0 ? 0 : 1);

/** Reads the command line. */
function parse(words) {
  const read = { pages: [], shots: join(root, "target/browser/shots"), cookies: [], every: false };
  while (words.length > 0) {
    const word = words.shift();
    if (word === "--shots") read.shots = words.shift();
    else if (word === "--every") read.every = true;
    else if (word === "--cookie") read.cookies.push(words.shift());
    else read.pages.push(word);
  }
  return read;
}

/** Serves target/pages and assets on a free port of the loopback, with the headers that the service sends. */
async function serve() {
  const types = { ".html": "text/html; charset=utf-8", ".css": "text/css", ".svg": "image/svg+xml" };
  const listener = createServer(async (request, response) => {
    const path = new URL(request.url, "http://localhost").pathname;
    // The pages of mails frame a mail; whatever stands in it, the page around it is what is measured.
    if (path.startsWith("/admin/mails/")) {
      response.writeHead(200, { "content-type": types[".html"], "content-security-policy": "default-src 'none'; sandbox; frame-ancestors 'self'" });
      response.end('<!doctype html><html lang="en"><title>A mail</title><main><h1>A mail</h1></main></html>');
      return;
    }
    const frames = basename(path).startsWith("admin-mail-") ? "frame-src 'self'; " : "";
    const folder = path.startsWith("/assets/") ? "assets" : "target/pages";
    try {
      const body = await readFile(join(root, folder, basename(path)));
      response.writeHead(200, {
        "content-type": types[extname(path)] ?? "application/octet-stream",
        "content-security-policy":
          `default-src 'none'; style-src 'self'; img-src 'self'; ${frames}form-action 'self'; base-uri 'none'; frame-ancestors 'none'`,
      });
      response.end(body);
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise((ready) => listener.listen(0, "127.0.0.1", ready));
  return listener;
}

/** Names and addresses of the pages to measure. */
async function list(words) {
  const own = `http://127.0.0.1:${server.address().port}`;
  const files = words.length > 0 ? words : (await readdir(join(root, "target/pages"))).filter((name) => name.endsWith(".html"));
  return files.sort().map((word) => {
    if (/^https?:/.test(word)) return { url: word, name: word.replace(/^https?:\/\/[^/]+\//, "").replace(/[^\w.-]+/g, "-") || "home" };
    return { url: `${own}/${basename(word)}`, name: basename(word, ".html") };
  });
}

/** Opens one page in one setting and returns what is wrong with it. */
async function measure(browser, { url, name }, { scheme, width, height }) {
  const tab = await browser.newPage();
  const findings = [];
  try {
    const origin = new URL(url).origin;
    tab.on("request", (request) => {
      if (!request.url().startsWith(origin) && !request.url().startsWith("data:")) findings.push(`asks another origin: ${request.url()}`);
    });
    tab.on("requestfailed", (request) => findings.push(`request failed: ${request.url()} ${request.failure()?.errorText}`));
    tab.on("response", (response) => {
      if (response.status() >= 400 && response.url() !== url) findings.push(`${response.status()}: ${response.url()}`);
    });
    tab.on("console", (message) => {
      if (/Content Security Policy/.test(message.text())) findings.push(`content security policy: ${message.text()}`);
    });
    await tab.setViewport({ width, height });
    await emulate(tab, "screen", scheme);
    for (const cookie of options.cookies) {
      const [key, ...rest] = cookie.split("=");
      await tab.setCookie({ name: key, value: rest.join("="), url: origin });
    }
    await tab.goto(url, { waitUntil: "load" });
    const folder = name.startsWith("error-page-") ? refusals : options.shots;
    await tab.screenshot({ path: join(folder, `${name}-${scheme}-${width}.png`), fullPage: true });
    findings.push(...(await inspect(tab)));
    await emulate(tab, "print", scheme);
    const paper = await tab.evaluate(() => getComputedStyle(document.body).backgroundColor);
    if (paper !== "rgb(255, 255, 255)") findings.push(`prints on ${paper}`);
  } finally {
    await tab.close();
  }
  return [...new Set(findings)];
}
