// A person's walk: the private branch and SYSLOG over UDP in headless Chromium, by keyboard, as customer and engineer, against a running demo.
// On every page: axe-core, width, size of targets, requests to other origins, in light at 1280 and dark at 320 pixels.
//
// Usage: node tests/browser/walk.mjs PATH_OF_POSTERN
// Exits 0 where the case ended in alerts that arrive and no page had a finding, 1 otherwise, 7 where something is missing.

import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { root } from "./checks.mjs";
import { choose, complain, fill, finish, follow, look, open, person, press, reaches, shows } from "./hands.mjs";

const demo = await start(process.argv[2] ?? join(root, "target/release/postern"));
const folder = mkdtempSync(join(tmpdir(), "postern-walk-"));
demo.script = join(folder, "server.log");
writeFileSync(demo.script, "window.uploaded = true;\n");
await finish(walk, () => {
  demo.process.kill("SIGTERM");
  rmSync(folder, { recursive: true });
});

async function walk() {
  const customer = await signIn("customer");
  await look(customer, "cases-empty");
  await follow(customer, "Start a request", "start");
  await follow(customer, "Start with e-mail alerts", "where");
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
  await uploadedScriptStaysText(customer, engineer, page);
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
  await syslog(customer, engineer);
  await open(customer, `${demo.url}/cases`, "cases-done");
  await open(customer, `${demo.url}/help`, "help");
  await open(customer, `${demo.url}/nowhere`, "not-found");
  const admin = await signIn("admin");
  await open(admin, `${demo.url}/admin/about`, "admin-about");
  await open(admin, `${demo.url}/admin/outbox`, "admin-outbox");
}

/** A script that somebody uploads runs in nobody's page, however it got there (number 19 in docs/SECURITY.md). */
async function uploadedScriptStaysText(customer, engineer, page) {
  const chosen = await customer.$("main input[type=file]");
  await chosen.uploadFile(demo.script);
  await fill(customer, { message: "The log of our server." });
  await press(customer, null, "customer-sent-a-file", "/messages");
  await open(engineer, page, "engineer-reads-a-file");
  const outcome = await engineer.evaluate(async () => {
    const file = [...document.querySelectorAll("main a")].find((link) => link.pathname.includes("/files/"));
    const answer = await fetch(file.href).catch(() => null);
    const tries = [];
    for (const set of [(script) => (script.src = file.href), (script) => (script.textContent = "window.uploaded = true")]) {
      const script = document.createElement("script");
      const ended = new Promise((end) => ((script.onload = () => end("ran")), (script.onerror = () => end("refused"))));
      set(script);
      document.body.append(script);
      // A script in the page tells of nothing; it has run by now or never does.
      tries.push(script.src ? await ended : window.uploaded ? "ran" : "refused");
      script.remove();
    }
    return { found: Boolean(file), fetched: answer?.ok ?? false, tries, uploaded: Boolean(window.uploaded) };
  });
  const expected = { found: true, fetched: false, tries: ["refused", "refused"], uploaded: false };
  if (JSON.stringify(outcome) !== JSON.stringify(expected)) complain("an uploaded script", JSON.stringify(outcome));
}

/** A SYSLOG receiver over UDP, from the request to the test line that the customer has found. */
async function syslog(customer, engineer) {
  await open(customer, `${demo.url}/start`, "syslog-start");
  await follow(customer, "Start with SYSLOG alerts", "syslog-where");
  await choose(customer, "syslog_location", "private");
  await press(customer, "Continue", "syslog-receiver");
  await fill(customer, { syslog_ip: "10.20.4.15", syslog_port: "6514" });
  await choose(customer, "transport", "udp");
  await press(customer, "Continue", "syslog-receiver-wrong");
  await shows(customer, "Choose which alerts you want");
  await choose(customer, "input_type", "attacks");
  await press(customer, "Continue", "syslog-check");
  await shows(customer, "Port 6514 is for TLS.");
  await open(customer, `${demo.url}/start/syslog/receiver?from=check`, "syslog-receiver-again");
  await fill(customer, { syslog_port: "514" });
  await press(customer, "Continue", null);
  await press(customer, "Send request", "syslog-sent");
  const number = (await customer.evaluate(() => location.pathname)).split("/")[2];
  const page = `${demo.url}/cases/${number}`;
  await open(engineer, page, "syslog-engineer");
  await press(engineer, "Claim", null);
  await fill(engineer, { change_ref: "CHG-4712" });
  await press(engineer, null, null, "/act/configuration_done");
  await open(customer, page, "syslog-let-us-in");
  await press(customer, null, null, "/act/let_in_done");
  await reaches(customer, page, `Look for postern-${number}-t1 on your SYSLOG receiver`);
  await look(customer, "syslog-confirm-line");
  await open(customer, `${page}/tests/1`, "syslog-test");
  await open(customer, page, "syslog-line-page");
  await press(customer, null, null, "/act/line_arrived");
  await open(engineer, `${page}/settings`, "syslog-offers");
  await shows(engineer, "Directories in the product");
  await open(engineer, `${page}/act/submit_settings`, "syslog-settings");
  await fill(engineer, { directories: "1, 4", threshold: "30", profiles: "1", attack_types: "5" });
  await press(engineer, null, null, "/act/submit_settings");
  await reaches(customer, page, "Did the test line arrive?");
  await look(customer, "syslog-confirm");
  await press(customer, null, "syslog-done", "/act/it_arrived");
  await open(engineer, `${page}/settings`, "syslog-applied");
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
  const tab = await person(role, demo.url);
  await tab.goto(`${demo.url}/sign-in`, { waitUntil: "load" });
  if (role === "customer") await look(tab, "sign-in");
  await fill(tab, { email: `${role}@demo.example`, password: demo.logins[role] });
  await press(tab, "Sign in", null);
  return tab;
}

/** Enters account, password and recipient on the page of the act. */
async function enter(tab, page, secret, name) {
  await open(tab, `${page}/act/submit_settings`, name);
  await fill(tab, { test_recipient: "soc@customer.example", smtp_account: demo.account, smtp_password: secret });
  await press(tab, null, null, "/act/submit_settings");
}
