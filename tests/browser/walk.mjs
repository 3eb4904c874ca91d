// A person's walk: the private branch in headless Chromium, by keyboard, as customer and engineer, against a running demo.
// On every page: axe-core, width, size of targets, requests to other origins, in light at 1280 and dark at 320 pixels.
//
// Usage: node tests/browser/walk.mjs PATH_OF_POSTERN
// Exits 0 where the case ended in alerts that arrive and no page had a finding, 1 otherwise, 7 where something is missing.

import { spawn } from "node:child_process";
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";

import { emulate, inspect, launch, root, settings } from "./checks.mjs";

const shots = join(root, "target/browser/shots");
await mkdir(shots, { recursive: true });
const demo = await start(process.argv[2] ?? join(root, "target/release/postern"));
const people = [];
let pages = 0;
let findings = 0;
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
  demo.process.kill("SIGTERM");
}
if (failed) process.stdout.write(`the walk ends early: ${failed.message}\n`);
process.stdout.write(`${pages} pages, ${pages * settings.length} measurements, ${findings} findings\n`);
process.exit(failed || findings > 0 ? 1 : 0);

async function walk() {
  const customer = await signIn("customer");
  await look(customer, "cases-empty");
  await follow(customer, "Start a request", "start");
  await follow(customer, "Start now", "where");
  await choose(customer, "smtp_location", "private");
  await press(customer, "Continue", "server");
  await fill(customer, { smtp_host: demo.name, smtp_ip: "203.0.113.19", smtp_port: "587", sender_address: "alerts@customer.example" });
  await choose(customer, "encryption", "starttls");
  await press(customer, "Continue", "server-wrong");
  await shows(customer, "Private IP must be in a private range");
  await fill(customer, { smtp_ip: "10.20.4.15" });
  await press(customer, "Continue", "check");
  await press(customer, "Send request", "sent");
  const number = (await customer.evaluate(() => location.pathname)).split("/")[2];
  const page = `${demo.url}/cases/${number}`;

  const engineer = await signIn("engineer");
  await look(engineer, "queue");
  await open(engineer, page, "engineer-unclaimed");
  await press(engineer, "Claim", "engineer-claimed");
  await fill(engineer, { change_ref: "CHG-4711" });
  await press(engineer, null, "engineer-whitelisted", "/act/configuration_done");

  await open(customer, page, "customer-let-us-in");
  await press(customer, null, "customer-testing", "/act/let_in_done");
  await reaches(customer, page, "Enter your SMTP settings");
  await look(customer, "customer-settings");
  await open(customer, `${page}/tests/1`, "test-passed");
  await enter(customer, page, "not-the-password", "settings-form");
  await reaches(customer, page, "The account or password was not accepted");
  await look(customer, "customer-wrong-password");
  await open(engineer, page, "engineer-wrong-password");
  await open(engineer, `${page}/tests/2`, "test-failed");
  await enter(customer, page, demo.secret, "settings-form-again");
  await reaches(customer, page, "Did the test alert arrive?");
  await look(customer, "customer-confirm");
  await press(customer, null, "customer-done", "/act/it_arrived");
  await shows(customer, "Done. Alerts reach you through the tunnel");

  await open(engineer, page, "engineer-done");
  await open(engineer, `${page}/settings`, "settings-pane");
  await open(engineer, `${demo.url}/queue?view=open`, "queue-open");
  await open(customer, `${demo.url}/cases`, "cases-done");
  await open(customer, `${demo.url}/help`, "help");
  await open(customer, `${demo.url}/nowhere`, "not-found");
  const admin = await signIn("admin");
  await open(admin, `${demo.url}/admin/about`, "admin-about");
  await open(admin, `${demo.url}/admin/outbox`, "admin-outbox");
}

/** Starts the demo on a free port and reads address, logins and the mail server's account from what it prints. */
async function start(program) {
  const process_ = spawn(program, ["demo", "--listen", "127.0.0.1:0"], { stdio: ["ignore", "pipe", "pipe"] });
  let out = "";
  let talk = "";
  process_.stdout.on("data", (bytes) => (out += bytes));
  process_.stderr.on("data", (bytes) => (talk += bytes));
  const account = /account (\S+), password (\S+), name (\S+)/;
  const end = Date.now() + 20_000;
  while (!(account.test(talk) && /^admin@/m.test(out) && /Eight cases are there/.test(talk))) {
    if (Date.now() > end || process_.exitCode !== null) {
      process_.kill("SIGTERM");
      process.stderr.write(`the demo does not come up: ${out}${talk}\n`);
      process.exit(7);
    }
    await new Promise((ready) => setTimeout(ready, 50));
  }
  const [, name_, secret, name] = account.exec(talk);
  const logins = Object.fromEntries([...out.matchAll(/^(\w+)@demo\.example\s+(\S+)/gm)].map(([, role, password]) => [role, password]));
  return { process: process_, url: /^http\S+/m.exec(out)[0], logins, account: name_, secret, name };
}

/** A person in a browser of its own. */
async function signIn(role) {
  const started = await launch();
  people.push(started);
  const [tab] = await started.browser.pages();
  tab.role = role;
  tab.on("request", (request) => {
    if (!request.url().startsWith(demo.url) && !/^(data|about|chrome)/.test(request.url())) complain("request", `another origin: ${request.url()}`);
  });
  await tab.goto(`${demo.url}/sign-in`, { waitUntil: "load" });
  if (role === "customer") await look(tab, "sign-in");
  await fill(tab, { email: `${role}@demo.example`, password: demo.logins[role] });
  await press(tab, "Sign in", null);
  return tab;
}

/** Measures the page that a tab shows, in every setting. */
async function look(tab, name) {
  pages += 1;
  const number = String(pages).padStart(2, "0");
  for (const { scheme, width, height } of settings) {
    await tab.setViewport({ width, height });
    await emulate(tab, "screen", scheme);
    await tab.screenshot({ path: join(shots, `walk-${number}-${name}-${scheme}.png`), fullPage: true });
    for (const finding of new Set(await inspect(tab))) complain(`${name} ${scheme} ${width}`, finding);
  }
  await tab.setViewport({ width: 1280, height: 900 });
}

function complain(where, what) {
  findings += 1;
  process.stdout.write(`${where}: ${what}\n`);
}

async function open(tab, url, name) {
  await tab.goto(url, { waitUntil: "load" });
  await look(tab, name);
}

/** Types into fields by name, from the keyboard. */
async function fill(tab, answers) {
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
async function choose(tab, name, value) {
  await tab.focus(`main input[name="${name}"][value="${value}"]`);
  await tab.keyboard.press("Space");
}

/** Presses a button with the enter key: by its words, or by where its form goes. */
async function press(tab, words, name, action) {
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
async function follow(tab, words, name) {
  const link = await tab.evaluateHandle(
    (text) => [...document.querySelectorAll("main a")].find((candidate) => candidate.textContent.trim().startsWith(text)),
    words,
  );
  if (!link.asElement()) throw new Error(`${tab.role} finds no link ${words} at ${tab.url()}`);
  await link.asElement().focus();
  await Promise.all([tab.waitForNavigation({ waitUntil: "load", timeout: 10_000 }), tab.keyboard.press("Enter")]);
  await look(tab, name);
}

/** Enters account, password and recipient on the page of the act. */
async function enter(tab, page, secret, name) {
  await open(tab, `${page}/act/submit_settings`, name);
  await fill(tab, { test_recipient: "soc@customer.example", smtp_account: demo.account, smtp_password: secret });
  await press(tab, null, null, "/act/submit_settings");
}

async function shows(tab, text) {
  const body = await tab.evaluate(() => document.body.innerText);
  if (!body.includes(text)) throw new Error(`${tab.role} does not read "${text}" at ${tab.url()}`);
}

/** Reloads a page until the machine has brought the case to where it says this. */
async function reaches(tab, page, text) {
  const end = Date.now() + 30_000;
  for (;;) {
    await tab.goto(page, { waitUntil: "load" });
    const body = await tab.evaluate(() => document.body.innerText);
    if (body.includes(text)) return;
    if (Date.now() > end) throw new Error(`the case at ${page} never says "${text}"`);
    await new Promise((ready) => setTimeout(ready, 200));
  }
}
