// An administrator's walk: from an empty `postern serve` to a finished private case by pages only. Set-up link, customer,
// tunnel, people, invitations read from the folder of mails, then the case as customer and engineer.
//
// Usage: node tests/browser/walk-admin.mjs PATH_OF_POSTERN
// Exits 0 where the case ended in alerts that arrive and no page had a finding, 1 otherwise, 7 where something is missing.

import { spawn } from "node:child_process";
import { mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { root } from "./checks.mjs";
import { choose, fill, finish, follow, look, open, person, press, reaches, shows, tally } from "./hands.mjs";

const PASSWORD = "correct horse battery staple";
tally.walk = "admin";
const mails = [];
const server = await mailServer();
const folder = await mkdtemp(join(tmpdir(), "postern-admin-"));
const service = await start(process.argv[2] ?? join(root, "target/release/postern"));
await finish(walk, async () => {
  service.process.kill("SIGTERM");
  server.close();
  await rm(folder, { recursive: true, force: true });
});

async function walk() {
  const admin = await person("admin", service.url);
  await open(admin, service.link, "set-up");
  await fill(admin, { name: "Ada Root", email: "ada@vendor.example", password: PASSWORD });
  await press(admin, "Set up", "sign-in");
  await signIn(admin, "ada@vendor.example");
  await walkWebhooks(admin);
  await open(admin, `${service.url}/admin/customers`, "customers-empty");

  await follow(admin, "Add a customer", "customer-new");
  await press(admin, "Add customer", "customer-wrong");
  await shows(admin, "Enter the name of the customer");
  await fill(admin, { name: "Alder Mutual" });
  await choose(admin, "architecture", "vpn");
  await press(admin, "Add customer", "customer");
  const customer = admin.url();

  await follow(admin, "Tunnels", "tunnels-empty");
  await follow(admin, "Add a tunnel", "tunnel-new");
  const tunnel = { name: "alder-1", our_gateway: "198.51.100.1", peer_gateway: "203.0.113.2", our_networks: "10.99.0.0/24" };
  await fill(admin, { ...tunnel, peer_networks: "10.20.4.15/16", alerting_ip: "10.99.0.8" });
  await press(admin, "Add tunnel", "tunnel-wrong");
  await shows(admin, "10.20.0.0/16");
  await fill(admin, { peer_networks: "10.20.0.0/16" });
  await press(admin, "Add tunnel", "tunnel");
  await shows(admin, "Remote gateway:");
  await open(admin, `${customer}/tenants`, "tenants-empty");

  await open(admin, `${customer}/people`, "contacts-empty");
  await invite(admin, "Dana Field", "dana@alder.example", () => choose(admin, "right", "all"));
  await open(admin, `${service.url}/admin/people`, "staff");
  await invite(admin, "Kim Castle", "kim@vendor.example", async () => {
    await choose(admin, "roles-support", "support");
    await choose(admin, "roles-network", "network");
  });
  const dana = await accept("dana@alder.example");
  const kim = await accept("kim@vendor.example");
  await walkCase(dana, kim);

  await open(admin, `${service.url}/admin/people`, "staff-active");
  await follow(admin, "Kim Castle", "person");
  await press(admin, "Disable", "person-disabled");
  await kim.goto(`${service.url}/queue`, { waitUntil: "load" });
  await shows(kim, "Your session has ended");
}

/** An endpoint at which nobody listens: added, pinged, switched off. */
async function walkWebhooks(admin) {
  await open(admin, `${service.url}/admin/webhooks`, "webhooks-empty");
  await follow(admin, "Add an endpoint", "webhook-new");
  await press(admin, "Add endpoint", "webhook-wrong");
  await shows(admin, "Enter the name of the endpoint");
  await fill(admin, { name: "Automation", url: "http://127.0.0.1:9/hook" });
  await press(admin, "Add endpoint", "webhook-key");
  await shows(admin, "whsec_");
  await follow(admin, "I have kept it", "webhook");
  await press(admin, "Send a ping", "webhook-message");
  const message = admin.url();
  await reaches(admin, message, "No connection");
  await look(admin, "webhook-tried");
  await follow(admin, "All messages to Automation", "webhook-failing");
  await shows(admin, "Failing");
  await press(admin, "Switch off", "webhook-off");
  await shows(admin, "somebody switched it off");
  await open(admin, `${service.url}/account`, "account-mail");
}

/** The private branch, to alerts that arrive. The customer has no product tenant, so the settings are entered by hand. */
async function walkCase(customer, engineer) {
  await customer.goto(`${service.url}/start/where`, { waitUntil: "load" });
  await choose(customer, "smtp_location", "private");
  await press(customer, "Continue", null);
  await fill(customer, { smtp_ip: "10.20.4.15", smtp_port: "25", sender_address: "alerts@alder.example" });
  await choose(customer, "encryption", "none");
  await press(customer, "Continue", null);
  await press(customer, "Send request", "sent");
  const page = `${service.url}/cases/${new URL(customer.url()).pathname.split("/")[2]}`;

  await engineer.goto(page, { waitUntil: "load" });
  await press(engineer, "Claim", null);
  await fill(engineer, { change_ref: "CHG-4711" });
  await press(engineer, null, null, "/act/configuration_done");
  await customer.goto(page, { waitUntil: "load" });
  await press(customer, null, null, "/act/let_in_done");
  await reaches(customer, page, "Enter your SMTP settings");
  await customer.goto(`${page}/act/submit_settings`, { waitUntil: "load" });
  await fill(customer, { test_recipient: "soc@alder.example" });
  await press(customer, null, null, "/act/submit_settings");
  await reaches(engineer, page, "by hand");
  await look(engineer, "engineer-by-hand");
  await engineer.goto(`${page}/act/applied_by_hand`, { waitUntil: "load" });
  await fill(engineer, { evidence: "Entered and saved in the SMTP pane" });
  await press(engineer, null, null, "/act/applied_by_hand");
  await reaches(customer, page, "Did the test alert arrive?");
  if (!mails.some((mail) => mail.includes("soc@alder.example"))) throw new Error("no test alert reached the mail server");
  await press(customer, null, "customer-done", "/act/it_arrived");
  await shows(customer, "Done. Alerts reach you through the tunnel");
}

async function signIn(tab, email) {
  await fill(tab, { email, password: PASSWORD });
  await press(tab, "Sign in", null);
}

/** Invites a person on the list that the tab shows. */
async function invite(tab, name, email, rights) {
  await follow(tab, "Invite a person", "invite");
  await fill(tab, { name, email });
  await rights();
  await press(tab, "Send invitation", "invited");
  await shows(tab, "Invited");
}

/** Opens the link of the invitation in a browser of its own, chooses a password and signs in. */
async function accept(email) {
  const tab = await person(email, service.url);
  await open(tab, await invitation(email), "welcome");
  await fill(tab, { password: PASSWORD });
  await press(tab, "Save password", null);
  await signIn(tab, email);
  return tab;
}

/** The link in the mail to this address, from the folder in which a service without a mail server keeps its mails. */
async function invitation(email) {
  const end = Date.now() + 20_000;
  for (;;) {
    for (const name of await readdir(join(folder, "mail")).catch(() => [])) {
      const mail = (await readFile(join(folder, "mail", name), "utf8")).replace(/=\r?\n/g, "").replace(/=3D/g, "=");
      const link = /http:\/\/\S+\/welcome\?token=[\w-]{43}/.exec(mail);
      if (mail.includes(`<${email}>`) && link) return link[0];
    }
    if (Date.now() > end) throw new Error(`no invitation for ${email} is in ${folder}/mail`);
    await new Promise((ready) => setTimeout(ready, 100));
  }
}

/** Starts the service over an empty folder, and reads its set-up link. Its tunnel ends at the mail server of this walk. */
async function start(program) {
  const config = join(folder, "config.toml");
  await writeFile(config, `[policy]\nallow_documentation = true\n[accounts]\nstaff_second_factor = false\n[webhooks]\nallow = ["127.0.0.1/32"]\n[lab]\nbind_source = false\n[lab.dial]\n"10.20.4.15:25" = "127.0.0.1:${server.address().port}"\n`);
  const port = await freePort();
  const words = ["serve", "--config", config, "--data", folder, "--listen", `127.0.0.1:${port}`];
  const process_ = spawn(program, words, { stdio: ["ignore", "ignore", "pipe"] });
  let talk = "";
  process_.stderr.on("data", (bytes) => (talk += bytes));
  const link = /http:\S+\/setup\?token=\S+/;
  const end = Date.now() + 20_000;
  while (!link.test(talk)) {
    if (Date.now() > end || process_.exitCode !== null) {
      process_.kill("SIGTERM");
      process.stderr.write(`the service does not come up: ${talk}\n`);
      process.exit(7);
    }
    await new Promise((ready) => setTimeout(ready, 50));
  }
  return { process: process_, url: `http://127.0.0.1:${port}`, link: link.exec(talk)[0] };
}

/** The links of the service begin with its port, so that it is chosen before. */
async function freePort() {
  const probe = createServer();
  await new Promise((ready) => probe.listen(0, "127.0.0.1", ready));
  const { port } = probe.address();
  await new Promise((ready) => probe.close(ready));
  return port;
}

/** A mail server that takes everything (RFC 5321) and keeps it. */
async function mailServer() {
  const answer = (socket, line) => socket.write(`${line}\r\n`);
  const listener = createServer((socket) => {
    let rest = "";
    let data = null;
    answer(socket, "220 mail.alder.example ESMTP");
    socket.on("error", () => socket.destroy());
    socket.on("data", (bytes) => {
      rest += bytes;
      for (let end = rest.indexOf("\r\n"); end >= 0; end = rest.indexOf("\r\n")) {
        const line = rest.slice(0, end);
        rest = rest.slice(end + 2);
        if (data !== null && line === ".") {
          mails.push(data);
          data = null;
          answer(socket, "250 2.0.0 kept");
        } else if (data !== null) data += `${line}\n`;
        else if (/^(EHLO|HELO)/i.test(line)) answer(socket, "250 mail.alder.example");
        else if (/^DATA/i.test(line)) {
          data = "";
          answer(socket, "354 go on");
        } else if (/^QUIT/i.test(line)) {
          answer(socket, "221 2.0.0 bye");
          socket.end();
        } else answer(socket, "250 2.0.0 ok");
      }
    });
  });
  await new Promise((ready) => listener.listen(0, "127.0.0.1", ready));
  return listener;
}
