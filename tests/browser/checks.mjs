// What the scripts beside this one share: Chromium, and what a page must hold to.

import { createRequire } from "node:module";
import { mkdtemp, readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

export const root = resolve(dirname(fileURLToPath(import.meta.url)), "../..");
const packages = createRequire(join(root, "target/browser/package.json"));
const tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
export const settings = [
  { scheme: "light", width: 1280, height: 900 },
  { scheme: "dark", width: 320, height: 720 },
];
/** Both schemes at both widths. */
export const everySetting = [
  ...settings,
  { scheme: "dark", width: 1280, height: 900 },
  { scheme: "light", width: 320, height: 720 },
];
const flags = [
  "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync",
];

let puppeteer, axe;
try {
  puppeteer = packages("puppeteer-core");
  axe = await readFile(packages.resolve("axe-core/axe.min.js"), "utf8");
} catch (error) {
  process.stderr.write(`axe-core or puppeteer-core is missing under target/browser: ${error.message}\n`);
  process.exit(7);
}

/** Starts a browser with an empty profile of its own. */
export async function launch() {
  const profile = await mkdtemp(join(tmpdir(), "postern-browser-"));
  const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";
  try {
    return { profile, browser: await puppeteer.launch({ executablePath, headless: true, userDataDir: profile, args: flags }) };
  } catch (error) {
    process.stderr.write(`Chromium does not start: ${error.message}\n`);
    process.exit(7);
  }
}

/** What is wrong with the page that a tab shows: widths, overlaps, targets, axe-core. Opens what is folded. */
export async function inspect(tab) {
  const measure = async () => [...(await tab.evaluate(wide)), ...(await tab.evaluate(overlapping)), ...(await tab.evaluate(small))];
  const findings = await measure();
  // Folded parts are measured open as well: nothing inside them is laid out while they are closed.
  await tab.evaluate(() => document.querySelectorAll("details").forEach((part) => (part.open = true)));
  findings.push(...(await measure()));
  await tab.evaluate(axe);
  const result = await tab.evaluate(
    (values) => axe.run({ runOnly: { type: "tag", values }, rules: { "target-size": { enabled: true } } }),
    tags,
  );
  for (const violation of result.violations) {
    for (const node of violation.nodes) findings.push(`axe ${violation.id}: ${violation.help}: ${node.html.slice(0, 200)}`);
  }
  return findings;
}

/** Medium and color scheme in one call: two calls of puppeteer's own would overwrite each other. */
export async function emulate(tab, media, scheme) {
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

/** In the page: text that lies on other text. Words for screen readers only are not seen and may lie anywhere. */
function overlapping() {
  const lines = [];
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let text = texts.nextNode(); text; text = texts.nextNode()) {
    if (!text.data.trim() || text.parentElement.closest(".unseen, .skip, noscript, option") || !text.parentElement.checkVisibility()) continue;
    const range = document.createRange();
    range.selectNodeContents(text);
    for (const box of range.getClientRects()) if (box.width > 1 && box.height > 1) lines.push({ text, box });
  }
  lines.sort((one, other) => one.box.top - other.box.top);
  const found = [];
  lines.forEach(({ text, box }, at) => {
    for (let next = at + 1; next < lines.length && lines[next].box.top < box.bottom; next += 1) {
      const other = lines[next];
      const across = Math.min(box.right, other.box.right) - Math.max(box.left, other.box.left);
      // Boxes of lines are taller than their letters: those of one paragraph may touch.
      const down = Math.min(box.bottom, other.box.bottom) - Math.max(box.top, other.box.top);
      if (other.text !== text && across > 1 && down > Math.min(box.height, other.box.height) / 3) {
        found.push(`overlaps: "${text.data.trim().slice(0, 60)}" and "${other.text.data.trim().slice(0, 60)}"`);
      }
    }
  });
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
