// Windows of agents, each in a Chromium of its own whose microphone hears a tone of its own.
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { chromium } from "playwright";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
export const patience = 30_000;
export const widths = { narrow: { width: 400, height: 860 }, wide: { width: 1200, height: 860 } };

export const step = (text) => process.stdout.write(`page: ${text}\n`);

/** Half a second of tone, then a gap: a browser takes what never changes for noise and suppresses it. */
function writeTone(file, hertz) {
    const rate = 48_000, on = 24_000, length = 28_800;
    const wav = Buffer.alloc(44 + 2 * length);
    wav.write("RIFF", 0);
    wav.writeUInt32LE(36 + 2 * length, 4);
    wav.write("WAVEfmt ", 8);
    wav.writeUInt32LE(16, 16);
    wav.writeUInt16LE(1, 20);
    wav.writeUInt16LE(1, 22);
    wav.writeUInt32LE(rate, 24);
    wav.writeUInt32LE(2 * rate, 28);
    wav.writeUInt16LE(2, 32);
    wav.writeUInt16LE(16, 34);
    wav.write("data", 36);
    wav.writeUInt32LE(2 * length, 40);
    for (let i = 0; i < on; i += 1) {
        wav.writeInt16LE(Math.round(9000 * Math.sin(2 * Math.PI * hertz * i / rate)), 44 + 2 * i);
    }
    writeFileSync(file, wav);
}

/** In the page, before its own script: keeps the peer connections, and listens to what the newest of them hears. */
function ear() {
    const Original = globalThis.RTCPeerConnection;
    const connections = [];
    globalThis.RTCPeerConnection = class extends Original {
        constructor(...args) {
            super(...args);
            connections.push(this);
        }
    };
    let context = null;
    let analyser = null;
    let track = null;
    const spectrum = new Float32Array(4096);
    globalThis.ear = {
        connection: () => connections.findLast(({ connectionState }) => connectionState !== "closed"),
        /** The loudest frequency above 150 Hz, and how many dB it is at; all of them within the time, in milliseconds. */
        async listen(milliseconds) {
            const current = this.connection()?.getReceivers().find((receiver) => receiver.track?.kind === "audio")?.track;
            if (current === undefined) {
                return [];
            }
            context ??= new AudioContext();
            await context.resume();
            if (current !== track) {
                track = current;
                analyser?.disconnect();
                analyser = new AnalyserNode(context, { fftSize: 8192, smoothingTimeConstant: 0 });
                context.createMediaStreamSource(new MediaStream([track])).connect(analyser);
            }
            const heard = [];
            for (const end = performance.now() + milliseconds; performance.now() < end;) {
                await new Promise((done) => setTimeout(done, 50));
                analyser.getFloatFrequencyData(spectrum);
                const bin = context.sampleRate / 8192;
                let loudest = Math.ceil(150 / bin);
                for (let i = loudest; i * bin < 3900; i += 1) {
                    loudest = spectrum[i] > spectrum[loudest] ? i : loudest;
                }
                heard.push({ hertz: Math.round(loudest * bin), decibels: Math.round(spectrum[loudest]) });
            }
            return heard;
        },
    };
}

/** Quieter than this is silence. */
const floor = -65;

export class Site {
    #browsers = [];
    agents = [];

    constructor(base, directory, pictures) {
        this.base = base;
        this.directory = directory;
        this.pictures = pictures;
    }

    async browser(hertz, ...more) {
        const file = join(this.directory, `tone-${hertz}.wav`);
        writeTone(file, hertz);
        const browser = await chromium.launch({
            executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
            args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
                "--disable-component-update", "--disable-sync", "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream",
                `--use-file-for-fake-audio-capture=${file}`, "--autoplay-policy=no-user-gesture-required", ...more],
        });
        this.#browsers.push(browser);
        return browser;
    }

    /** A window of an agent. Everything that the page complains of or asks strangers for is kept. */
    async open(dn, hertz, { locale = "en-GB", browser, base = this.base } = {}) {
        const context = await (browser ?? await this.browser(hertz)).newContext({ viewport: widths.wide, colorScheme: "light", locale, permissions: ["microphone"] });
        const page = await context.newPage();
        const agent = new Agent(this, dn, hertz, page);
        this.agents.push(agent);
        await page.addInitScript(ear);
        await page.goto(base);
        return agent;
    }

    async close() {
        await Promise.all(this.#browsers.map((browser) => browser.close()));
    }
}

class Agent {
    complaints = [];

    constructor(site, dn, hertz, page) {
        Object.assign(this, { site, dn, hertz, page });
        page.setDefaultTimeout(patience);
        page.on("console", (message) => ["error", "warning"].includes(message.type()) && this.complaints.push(`${message.text()} ${message.location().url}`));
        page.on("pageerror", (error) => this.complaints.push(String(error)));
        page.on("request", (request) => {
            const url = new URL(request.url());
            if (url.protocol.startsWith("http") && url.origin !== new URL(page.url()).origin && page.url() !== "about:blank") {
                this.complaints.push(`asked a stranger: ${url.origin}`);
            }
        });
    }

    light(name, state) {
        return this.page.locator("sidecar-lights li", { hasText: name }).filter({ hasText: state }).waitFor();
    }

    card(state) {
        return this.page.locator(`sidecar-call article.${state}`).waitFor();
    }

    says(text) {
        return this.page.getByText(text).first().waitFor();
    }

    event(name) {
        return this.page.locator("sidecar-events li", { hasText: name }).first().waitFor();
    }

    clearEvents() {
        return this.page.locator("sidecar-events").getByRole("button").click();
    }

    press(name) {
        return this.page.locator("sidecar-call").getByRole("button", { name, exact: true }).click();
    }

    async logIn(password = `page-test-${this.dn}`) {
        await this.page.locator("input[name=user]").fill(`agent${this.dn}`);
        await this.page.locator("input[name=password]").fill(password);
        await this.page.locator("sidecar-login button").click();
    }

    async dial(number) {
        await this.page.locator("sidecar-dialer input").fill(number);
        await this.page.keyboard.press("Enter");
    }

    /** The seconds that the call's timer shows. */
    async seconds() {
        const [minutes, seconds] = (await this.page.locator("sidecar-call time").innerText()).split(":").map(Number);
        return 60 * minutes + seconds;
    }

    /** Waits until the frequency is what is loudest in the window's ear. */
    async hears(hertz, why) {
        const heard = [];
        for (const end = Date.now() + patience; Date.now() < end;) {
            const now = await this.page.evaluate(() => globalThis.ear.listen(300));
            if (now.some((sound) => Math.abs(sound.hertz - hertz) <= 20 && sound.decibels > floor)) {
                return;
            }
            heard.push(...now);
        }
        assert.fail(`${this.dn} does not hear ${hertz} Hz ${why}, but ${JSON.stringify(heard.slice(-12))}`);
    }

    /** Waits until the frequency is gone for longer than the gap between tones. */
    async hearsNo(hertz, why) {
        for (const end = Date.now() + patience; Date.now() < end;) {
            const now = await this.page.evaluate(() => globalThis.ear.listen(1200));
            if (!now.some((sound) => Math.abs(sound.hertz - hertz) <= 20 && sound.decibels > floor)) {
                return;
            }
        }
        assert.fail(`${this.dn} still hears ${hertz} Hz ${why}`);
    }

    rest(method, path, body) {
        return this.page.evaluate(async ([method, path, body]) => {
            const { token } = JSON.parse(sessionStorage.getItem("sidecar.identity"));
            const response = await fetch(`/api/v1${path}`, {
                method, headers: { "Authorization": `Bearer ${token}`, "Content-Type": "application/json" }, ...(body === undefined ? {} : { body: JSON.stringify(body) }),
            });
            return { status: response.status, body: await response.text() };
        }, [method, path, body]);
    }

    /** Pictures in light and dark, narrow and wide; nothing may be cut off, and nobody left out. */
    async shoot(name) {
        for (const colorScheme of ["light", "dark"]) {
            for (const [width, viewport] of Object.entries(widths)) {
                await this.page.emulateMedia({ colorScheme });
                await this.page.setViewportSize(viewport);
                await this.page.screenshot({ path: join(this.site.pictures, `${name}-${colorScheme}-${width}.png`) });
                const overflow = await this.page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
                assert.equal(overflow, 0, `${name} at ${viewport.width} px is wider than its window`);
            }
            const { violations } = await this.page.evaluate(`(() => { ${axe}; })(); axe.run(document, { resultTypes: ["violations"] })`);
            assert.deepEqual(violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html, any }) => `${html} ${any[0]?.message ?? ""}`).join("; ")}`), [], `${name}, ${colorScheme}`);
        }
        await this.page.emulateMedia({ colorScheme: "light" });
        await this.page.setViewportSize(widths.wide);
    }
}

/** Both hear each other's tone. */
export async function talk(one, other, why) {
    await Promise.all([one.hears(other.hertz, why), other.hears(one.hertz, why)]);
}
