// Measures pages in headless Chromium: axe-core, width, size of targets, requests to other origins, print colors.
//
// Usage: node tests/browser/axe.mjs [--shots DIR] [--cookie NAME=VALUE] [FILE.html | URL]...
// Without arguments it takes every rendering under target/pages, which `cargo test --test it templates` writes.
// The packages come from target/browser: npm install --prefix target/browser axe-core puppeteer-core
// Exits 0 without a finding, 1 with findings, 7 where Chromium or a package is missing.

import { createServer } from "node:http";
import { createRequire } from "node:module";
import { mkdir, mkdtemp, readFile, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, extname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const root = resolve(dirname(fileURLToPath(import.meta.url)), "../..");
const packages = createRequire(join(root, "target/browser/package.json"));
const tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
const settings = [
  { scheme: "light", width: 1280, height: 900 },
  { scheme: "dark", width: 320, height: 720 },
];
const flags = [
  "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync",
];

const options = parse(process.argv.slice(2));
let puppeteer, axe;
try {
  puppeteer = packages("puppeteer-core");
  axe = await readFile(packages.resolve("axe-core/axe.min.js"), "utf8");
} catch (error) {
  process.stderr.write(`axe-core or puppeteer-core is missing under target/browser: ${error.message}\n`);
  process.exit(7);
}

const server = await serve();
const pages = await list(options.pages);
// One tab at a time in each browser: a tab in the background paints nothing and has no picture to give.
const browsers = await Promise.all([launch(), launch()]).catch((error) => {
  process.stderr.write(`Chromium does not start: ${error.message}\n`);
  process.exit(7);
});

let findings = 0;
let measured = 0;
try {
  await mkdir(options.shots, { recursive: true });
  const work = pages.flatMap((page) => settings.map((setting) => ({ page, setting })));
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
  const read = { pages: [], shots: join(root, "target/browser/shots"), cookies: [] };
  while (words.length > 0) {
    const word = words.shift();
    if (word === "--shots") read.shots = words.shift();
    else if (word === "--cookie") read.cookies.push(words.shift());
    else read.pages.push(word);
  }
  return read;
}

/** Starts a browser with an empty profile of its own. */
async function launch() {
  const profile = await mkdtemp(join(tmpdir(), "postern-browser-"));
  const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";
  return { profile, browser: await puppeteer.launch({ executablePath, headless: true, userDataDir: profile, args: flags }) };
}

/** Serves target/pages and assets on a free port of the loopback, with the headers that the service sends. */
async function serve() {
  const types = { ".html": "text/html; charset=utf-8", ".css": "text/css", ".svg": "image/svg+xml" };
  const listener = createServer(async (request, response) => {
    const path = new URL(request.url, "http://localhost").pathname;
    const folder = path.startsWith("/assets/") ? "assets" : "target/pages";
    try {
      const body = await readFile(join(root, folder, basename(path)));
      response.writeHead(200, {
        "content-type": types[extname(path)] ?? "application/octet-stream",
        "content-security-policy":
          "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
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
    await tab.screenshot({ path: join(options.shots, `${name}-${scheme}-${width}.png`), fullPage: true });
    findings.push(...(await tab.evaluate(wide)), ...(await tab.evaluate(small)));
    // Folded parts are measured open as well: nothing inside them is laid out while they are closed.
    await tab.evaluate(() => document.querySelectorAll("details").forEach((part) => (part.open = true)));
    findings.push(...(await tab.evaluate(wide)), ...(await tab.evaluate(small)));
    await tab.evaluate(axe);
    const result = await tab.evaluate(
      (values) => axe.run({ runOnly: { type: "tag", values }, rules: { "target-size": { enabled: true } } }),
      tags,
    );
    for (const violation of result.violations) {
      for (const node of violation.nodes) findings.push(`axe ${violation.id}: ${violation.help}: ${node.html.slice(0, 200)}`);
    }
    await emulate(tab, "print", scheme);
    const paper = await tab.evaluate(() => getComputedStyle(document.body).backgroundColor);
    if (paper !== "rgb(255, 255, 255)") findings.push(`prints on ${paper}`);
  } finally {
    await tab.close();
  }
  return [...new Set(findings)];
}

/** Medium and color scheme in one call: two calls of puppeteer's own would overwrite each other. */
async function emulate(tab, media, scheme) {
  const session = await tab.createCDPSession();
  await session.send("Emulation.setEmulatedMedia", { media, features: [{ name: "prefers-color-scheme", value: scheme }] });
}

/** In the page: elements whose content is wider than they are. A scroll box is allowed where it can be focused. */
function wide() {
  const found = [];
  for (const element of document.querySelectorAll("*")) {
    if (element.scrollWidth <= element.clientWidth || element.clientWidth === 0) continue;
    // A one-line input scrolls by itself, whatever was typed into it.
    if (element.matches("input, option") || element.hasAttribute("tabindex") && element.matches("[role=region]")) continue;
    found.push(`wider than its box: ${element.scrollWidth} > ${element.clientWidth}: ${element.outerHTML.slice(0, 160)}`);
  }
  return found;
}

/** In the page: targets under 24 pixels (WCAG 2.2, 2.5.8); links within a sentence are free. */
function small() {
  const found = [];
  for (const element of document.querySelectorAll("a, button, input:not([type=hidden]), select, textarea, summary")) {
    const box = element.getBoundingClientRect();
    if (box.width === 0 || getComputedStyle(element).display === "inline") continue;
    if (box.width < 24 || box.height < 24) found.push(`target of ${box.width} x ${box.height}: ${element.outerHTML.slice(0, 160)}`);
  }
  return found;
}
