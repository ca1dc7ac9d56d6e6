// Uses the agent page as people do, in several windows of Chromium, and takes pictures of it.
// Arguments: the page's address, the directory for pictures, the file with the process id of a sidecar that is started again
// when it ends. Agents agent5001... have the password page-test-5001...
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { chromium } from "playwright";

const [base, pictures, pidFile] = process.argv.slice(2);
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const patience = 20_000;
const widths = { narrow: { width: 400, height: 860 }, wide: { width: 1200, height: 860 } };

const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
        "--disable-component-update", "--disable-sync", "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"],
});

/** One window of an agent. Everything that the page complains of or asks strangers for is kept. */
async function open(dn, { locale = "en-GB" } = {}) {
    const context = await browser.newContext({ viewport: widths.wide, colorScheme: "light", locale, permissions: ["microphone"] });
    const page = await context.newPage();
    page.setDefaultTimeout(patience);
    const complaints = [];
    page.on("console", (message) => ["error", "warning"].includes(message.type()) && complaints.push(`${message.text()} ${message.location().url}`));
    page.on("pageerror", (error) => complaints.push(String(error)));
    page.on("request", (request) => {
        const url = new URL(request.url());
        if (url.protocol.startsWith("http") && url.origin !== new URL(base).origin) {
            complaints.push(`asked a stranger: ${url.origin}`);
        }
    });
    await page.goto(`${base}/#page-test-${dn}`);
    const light = (name, state) => page.locator("sidecar-lights li", { hasText: name }).filter({ hasText: state }).waitFor();
    const card = (state) => page.locator(`sidecar-call article.${state}`);
    const button = (name) => page.locator("sidecar-call").getByRole("button", { name, exact: true });
    return {
        dn, page, complaints, light, card, button,
        async logIn(password = `page-test-${dn}`) {
            await page.locator("input[name=user]").fill(`agent${dn}`);
            await page.locator("input[name=password]").fill(password);
            await page.locator("sidecar-login button").click();
        },
        async dial(number) {
            await page.locator("sidecar-dialer input").fill(number);
            await page.keyboard.press("Enter");
        },
        event: (name) => page.locator("sidecar-events li", { hasText: name }).first().waitFor(),
        close: () => context.close(),
    };
}

async function shoot(agent, name) {
    for (const colorScheme of ["light", "dark"]) {
        for (const [width, viewport] of Object.entries(widths)) {
            await agent.page.emulateMedia({ colorScheme });
            await agent.page.setViewportSize(viewport);
            await agent.page.screenshot({ path: join(pictures, `${name}-${colorScheme}-${width}.png`) });
            const overflow = await agent.page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
            assert.equal(overflow, 0, `${name} at ${viewport.width} px is wider than its window`);
            const result = await agent.page.evaluate(`(() => { ${axe}; })(); axe.run(document, { resultTypes: ["violations"] })`);
            assert.deepEqual(result.violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html, any }) => `${html} ${any[0]?.message ?? ""}`).join("; ")}`), [], `${name}, ${colorScheme}, ${width}`);
        }
    }
    await agent.page.emulateMedia({ colorScheme: "light" });
    await agent.page.setViewportSize(widths.wide);
}

const step = (text) => process.stdout.write(`page: ${text}\n`);

async function logins() {
    const anna = await open("5001");
    await shoot(anna, "login");
    await anna.logIn("wrong-password");
    await anna.page.getByText("User or password is wrong.").waitFor();
    assert.match(anna.complaints.splice(0).join(), /401/, "the browser itself notes a refused request");
    await anna.logIn();
    const ben = await open("5002");
    const cleo = await open("5003", { locale: "de-DE" });
    await ben.logIn();
    await cleo.logIn();
    for (const agent of [anna, ben]) {
        await agent.light("Phone", "registered");
        await agent.light("Events", "live");
    }
    await cleo.light("Telefon", "angemeldet");
    await cleo.light("Ereignisse", "läuft");
    step("three agents are registered");
    return { anna, ben, cleo };
}

async function talk({ anna, ben, cleo }) {
    await shoot(anna, "idle");
    await anna.dial("5002");
    await ben.card("incoming").waitFor();
    assert.equal(await ben.page.title(), "☎ 5001");
    await shoot(ben, "ringing");
    await ben.page.keyboard.press("Alt+KeyA");
    for (const agent of [anna, ben]) {
        await agent.card("talking").waitFor();
        await agent.light("Sound", "flowing");
        await agent.event("Established");
    }
    assert.equal(await ben.page.title(), "sidecar");
    step("5001 and 5002 hear each other");

    await anna.button("Keypad").click();
    await anna.button("5").click();
    await anna.button("Keypad").click();
    await anna.button("Mute").click();
    await anna.button("Unmute").click();
    await anna.button("Hold").click();
    await anna.card("held").waitFor();
    await anna.event("Held");
    await anna.button("Retrieve").click();
    await anna.card("talking").waitFor();
    await anna.event("Retrieved");
    step("held and retrieved");

    await ben.button("Transfer").click();
    await ben.page.getByLabel("Transfer to").fill("5003");
    await shoot(ben, "transfer");
    await ben.button("Transfer now").click();
    await cleo.card("incoming").waitFor();
    await cleo.button("Annehmen").click();
    await cleo.card("talking").waitFor();
    await cleo.light("Ton", "fließt");
    await ben.page.getByText("No calls").waitFor();
    await anna.event("PartyChanged");
    await anna.light("Sound", "flowing");
    await shoot(cleo, "talking");
    step("transferred to 5003");

    await cleo.button("Auflegen").click();
    await anna.page.getByText("No calls").waitFor();
    await cleo.page.getByText("Keine Gespräche").waitFor();
    await anna.event("Released");
}

async function refusals({ anna, ben }) {
    await anna.dial("5002");
    await ben.button("Reject").click();
    await anna.page.getByText(/The call failed: 5002/).waitFor();
    await shoot(anna, "refused");
    step("a rejected call is told");
}

async function breaks({ anna, ben, cleo }) {
    process.kill(Number(readFileSync(pidFile, "utf8")), "SIGKILL");
    await ben.light("Events", "no connection");
    await ben.light("Events", "live");
    await ben.event("Reset");
    await ben.dial("5001");
    await ben.event("Dialing");
    await ben.button("Hang up").click();
    step("the events come back when the sidecar was killed");

    await cleo.page.evaluate(async () => {
        const { token } = JSON.parse(sessionStorage.getItem("sidecar.identity"));
        await fetch("/api/v1/logout", { method: "POST", headers: { Authorization: `Bearer ${token}` } });
    });
    await cleo.page.getByText("Die Anmeldung ist abgelaufen.").waitFor();
    for (const { complaints } of [anna, ben, cleo]) {
        complaints.splice(0); // the browser notes each failed request
    }
    step("a token that ends elsewhere ends the session here");
}

async function reload({ anna }) {
    await anna.page.reload();
    await anna.light("Phone", "registered");
    await anna.light("Events", "live");
    await anna.page.getByRole("button", { name: "Log out" }).click();
    await anna.page.locator("sidecar-login").waitFor();
    await anna.page.reload();
    await anna.page.locator("sidecar-login").waitFor();
    step("a reload keeps the login, a logout ends it");
}

let agents = {};
try {
    agents = await logins();
    await talk(agents);
    await refusals(agents);
    await breaks(agents);
    await reload(agents);
    for (const { dn, complaints } of Object.values(agents)) {
        assert.deepEqual(complaints, [], `what ${dn}'s page complains of`);
    }
    step("all is well");
} catch (error) {
    for (const { dn, page, complaints } of Object.values(agents)) {
        await page.screenshot({ path: join(pictures, `failed-${dn}.png`) }).catch(() => undefined);
        process.stderr.write(`${dn}: ${complaints.join("\n  ")}\n`);
    }
    process.stderr.write(`${error.stack}\n`);
    process.exitCode = 1;
} finally {
    await browser.close();
}
