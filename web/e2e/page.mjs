// Uses the agent page as people do, in several windows, and takes pictures of it.
// Arguments: the page's address, the directory for pictures, a directory for other files, where sidecar.pid has the process id of a
// sidecar that is started again when it ends. Agents agent5001... have the password page-test-5001...
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Site, patience, step, talk } from "./windows.mjs";

const [base, pictures, directory] = process.argv.slice(2);
const site = new Site(base, directory, pictures);
const signal = (name) => process.kill(Number(readFileSync(join(directory, "sidecar.pid"), "utf8")), name);

async function logins() {
    const anna = await site.open("5001", 500);
    await anna.shoot("login");
    await anna.logIn("wrong-password");
    await anna.says("User or password is wrong.");
    assert.match(anna.complaints.splice(0).join(), /401/, "the browser itself notes a refused request");
    await anna.logIn();
    const [ben, cleo] = await Promise.all([site.open("5002", 900), site.open("5003", 1500, { locale: "de-DE" })]);
    await Promise.all([ben.logIn(), cleo.logIn()]);
    for (const agent of [anna, ben]) {
        await agent.light("Phone", "registered");
        await agent.light("Events", "live");
    }
    await cleo.light("Telefon", "angemeldet");
    await cleo.light("Ereignisse", "läuft");
    await anna.shoot("idle");
    step("three agents are registered");
    return { anna, ben, cleo };
}

async function call({ anna, ben }) {
    await anna.dial("5002");
    await ben.card("incoming");
    assert.equal(await ben.page.title(), "☎ 5001");
    await ben.shoot("ringing");
    await ben.page.keyboard.press("Alt+KeyA");
    for (const agent of [anna, ben]) {
        await agent.card("talking");
        await agent.light("Sound", "flowing");
        await agent.event("Established");
    }
    assert.equal(await ben.page.title(), "sidecar");
    await talk(anna, ben, "in a call");
    step("5001 and 5002 hear each other");

    for (const [from, to] of [[anna, ben], [ben, anna]]) {
        await from.press("Keypad");
        let heard = false;
        const digit = to.hears(1336, "when 5 is dialled (770 and 1336 Hz)").finally(() => {
            heard = true;
        });
        while (!heard) { // a window that stands still for a moment misses a digit or two
            await from.press("5");
            await from.page.waitForTimeout(300);
        }
        await digit;
        await from.press("Keypad");
    }
    step("digits are heard both ways");
}

async function hold({ anna, ben }) {
    await anna.press("Hold");
    await anna.card("held");
    await anna.event("Held");
    await ben.hearsNo(anna.hertz, "on hold");
    await anna.shoot("held");
    await anna.press("Retrieve");
    await anna.card("talking");
    await anna.event("Retrieved");
    await talk(anna, ben, "after a hold");
    step("held and retrieved");
}

async function reload({ anna, ben }) {
    await ben.page.locator("sidecar-call time", { hasText: /0:(0[4-9]|[1-5])/ }).waitFor();
    const before = await ben.seconds();
    await ben.press("Mute");
    await ben.page.reload();
    await ben.card("talking");
    assert.ok(await ben.seconds() >= before, "the timer goes on");
    await ben.hears(anna.hertz, "after a reload");
    await anna.hearsNo(ben.hertz, "who was muted before the reload");
    await ben.press("Unmute");
    await talk(anna, ben, "after a reload");
    step("a call outlives a reload, and stays muted");
}

async function network({ anna, ben }) {
    const fragment = () => anna.page.evaluate(() => /a=ice-ufrag:(\S+)/.exec(globalThis.ear.connection().localDescription.sdp)[1]);
    const before = await fragment();
    const cut = anna.light("Phone", "no connection"); // for a second or two
    await anna.page.evaluate(() => dispatchEvent(new Event("online")));
    await cut;
    await anna.light("Phone", "registered");
    for (const end = Date.now() + patience; await fragment() === before;) {
        assert.ok(Date.now() < end, "ICE was not started again");
    }
    await talk(anna, ben, "after an ICE restart");
    step("a call outlives a change of the network");
}

async function transfer({ anna, ben, cleo }) {
    await ben.press("Transfer");
    await ben.page.getByLabel("Transfer to").fill("5003");
    await ben.shoot("transfer");
    await ben.press("Transfer now");
    await cleo.card("incoming");
    await cleo.press("Annehmen");
    await cleo.card("talking");
    await cleo.light("Ton", "fließt");
    await ben.says("No calls");
    await anna.event("PartyChanged");
    await talk(anna, cleo, "after a transfer");
    await cleo.shoot("talking");
    step("transferred to 5003");

    await cleo.press("Auflegen");
    await anna.says("No calls");
    await cleo.says("Keine Gespräche");
    await anna.event("Released");
}

async function desktop({ anna, ben }) {
    await ben.clearEvents();
    await anna.dial("5002");
    await ben.card("incoming");
    await ben.event("Ringing");
    const { body } = await ben.rest("GET", "/calls");
    const { id } = JSON.parse(body).calls[0];
    const command = async (verb) => {
        const { status, body: said } = await ben.rest("POST", `/calls/${id}/${verb}`, { dn: "5002" });
        assert.ok(status < 300, `${verb}: ${status} ${said}`);
    };
    await command("answer");
    await ben.card("talking");
    await command("answer");
    await talk(anna, ben, "when the desktop has answered");
    await command("hold");
    await ben.card("held");
    await command("retrieve");
    await ben.card("talking");
    await talk(anna, ben, "when the desktop has retrieved");
    await ben.press("Hang up");
    await anna.says("No calls");
    step("the desktop answers, holds and retrieves");
}

async function refusals({ anna, ben }) {
    await anna.dial("5002");
    await ben.press("Reject");
    await anna.says(/The call failed: 5002/);
    await anna.shoot("refused");
    step("a rejected call is told");
}

async function takeOver({ anna, ben }) {
    const twin = await site.open("5002", ben.hertz, { browser: ben.page.context().browser() });
    await twin.logIn();
    await twin.light("Phone", "registered");
    await ben.says("This DN is now used in another window");
    await ben.light("Phone", "elsewhere");
    await ben.shoot("taken");
    await anna.dial("5002");
    await twin.card("incoming");
    await twin.press("Answer");
    await talk(anna, twin, "in the window that took the DN");
    assert.equal(await ben.page.locator("sidecar-call article.incoming").count(), 0);
    await twin.press("Hang up");
    await anna.says("No calls");
    await ben.page.getByRole("button", { name: "Use it here" }).click();
    await ben.light("Phone", "registered");
    await twin.says("This DN is now used in another window");
    assert.deepEqual(twin.complaints, []);
    await twin.page.context().close();
    step("the DN goes to the window that wants it, and stays there");
}

async function insecure({ cleo }) {
    const browser = await site.browser(cleo.hertz, "--host-resolver-rules=MAP phone.example 127.0.0.1");
    const far = await site.open("5003", cleo.hertz, { browser, base: base.replace("127.0.0.1", "phone.example") });
    await far.logIn();
    await far.says("Browsers give the microphone only to pages by https");
    await far.light("Events", "live");
    await far.light("Phone", "off");
    await far.shoot("insecure");
    await cleo.light("Telefon", "angemeldet");
    await far.page.context().close();
    step("a page without TLS says why it can't talk");
}

/** 5004 is a browser at Asterisk's own WebSocket. */
async function asterisk({ anna }) {
    const dora = await site.open("5004", 2100);
    await dora.logIn();
    await dora.page.locator("sidecar-password input").fill("page-test-5004");
    await dora.shoot("password");
    await dora.page.locator("sidecar-password button").click();
    await dora.light("Phone", "registered");
    await dora.dial("5001");
    await anna.press("Answer");
    await talk(anna, dora, "at Asterisk's own WebSocket");
    await anna.press("Hang up");
    await dora.says("No calls");
    await dora.page.context().close();
    step("a phone at Asterisk's own WebSocket talks to one of ours");
}

async function breaks({ anna, ben, cleo }) {
    await anna.dial("5002");
    await ben.press("Answer");
    await anna.card("talking");
    signal("SIGTERM");
    await anna.says("The server is restarting.");
    await anna.shoot("draining");
    await anna.press("Hang up");
    for (const agent of [anna, ben]) { // told until the phone is registered with the next process
        await agent.page.getByText("The server is restarting.").waitFor({ state: "detached" });
        await agent.light("Phone", "registered");
        await agent.light("Events", "live");
    }
    step("pages tell of a restart and come back");

    await anna.dial("5002");
    await ben.press("Answer");
    await talk(anna, ben, "before the sidecar is killed");
    const cut = Promise.all([anna, ben].map((agent) => agent.light("Phone", "no connection")));
    signal("SIGKILL");
    await cut;
    for (const agent of [anna, ben]) {
        await agent.light("Phone", "registered");
        await agent.light("Events", "live");
    }
    await talk(anna, ben, "after the sidecar was killed");
    for (const agent of [anna, ben]) {
        assert.equal(await agent.page.locator("sidecar-call").count(), 1, "the dead leg is gone");
        await agent.card("talking");
    }
    await anna.press("Hang up");
    await ben.says("No calls");
    step("a call outlives the sidecar: both hear each other again without a click");

    const lost = Promise.all([anna.light("Phone", "no connection"), ben.light("Phone", "no connection"), ben.light("Events", "no connection")]);
    signal("SIGKILL");
    await lost;
    await anna.light("Phone", "registered");
    await ben.light("Phone", "registered");
    await ben.light("Events", "live");
    await ben.clearEvents();
    await ben.dial("5001");
    await ben.event("Dialing");
    assert.equal(await ben.page.locator("sidecar-events li", { hasText: "Reset" }).count(), 0, "the events go on where they were");
    await ben.press("Hang up");
    step("phone and events come back when the sidecar was killed");

    assert.equal((await cleo.rest("POST", "/logout")).status, 204);
    await cleo.says("Die Anmeldung ist abgelaufen.");
    for (const { complaints } of [anna, ben, cleo]) {
        complaints.splice(0); // the browser notes each failed request
    }
    step("a token that ends elsewhere ends the session here");
}

async function logout({ anna }) {
    await anna.page.reload();
    await anna.light("Phone", "registered");
    await anna.light("Events", "live");
    await anna.page.getByRole("button", { name: "Log out" }).click();
    await anna.page.locator("sidecar-login").waitFor();
    await anna.page.reload();
    await anna.page.locator("sidecar-login").waitFor();
    step("a reload keeps the login, a logout ends it");
}

try {
    const agents = await logins();
    const only = process.env.PAGE_STEPS?.split(",");
    for (const part of [call, hold, reload, network, transfer, desktop, refusals, takeOver, insecure, asterisk, breaks, logout]) {
        if (only === undefined || only.includes(part.name)) {
            await part(agents);
        }
    }
    for (const { dn, complaints } of Object.values(agents)) {
        assert.deepEqual(complaints, [], `what ${dn}'s page complains of`);
    }
    step("all is well");
} catch (error) {
    for (const { dn, page, complaints } of site.agents) {
        await page.screenshot({ path: join(pictures, `failed-${dn}.png`) }).catch(() => undefined);
        process.stderr.write(`${dn}: ${complaints.join("\n  ")}\n`);
    }
    process.stderr.write(`${error.stack}\n`);
    process.exitCode = 1;
} finally {
    await site.close();
}
