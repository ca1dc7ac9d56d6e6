// Runs phones in pages of one headless Chromium. The test drives it by JSON lines: {"id":1,"page":"p1","do":"dial","args":["5002"]};
// the answer is {"id":1,"result":...} or {"id":1,"error":"..."}. "open", "close" and "reload" are about the page itself, every
// other verb is a method of window.phone (phone_page.mjs). Its first line is {"origin":"http://127.0.0.1:..."}, where the pages
// come from. It ends with its standard input.
//   node phones.mjs TONE.wav    the file is what the microphones hear
// JsSIP, the bundler and Playwright are those of the agent page (web/package.json).
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { fileURLToPath, pathToFileURL } from "node:url";
import { createInterface } from "node:readline";

const web = createRequire(new URL("../../web/package.json", import.meta.url));
const { rolldown } = await import(pathToFileURL(web.resolve("rolldown")));
const { chromium } = web("playwright");

const print = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);

async function script() {
    const bundle = await rolldown({
        input: fileURLToPath(new URL("phone_page.mjs", import.meta.url)),
        resolve: { alias: { jssip: web.resolve("jssip") } },
        platform: "browser",
        logLevel: "silent",
    });
    const { output } = await bundle.generate({ format: "iife" });
    await bundle.close();
    return output[0].code;
}

async function serve(code) {
    const server = createServer((request, response) => {
        const asked = request.url === "/phone.js";
        response.setHeader("Content-Type", asked ? "text/javascript" : "text/html");
        response.end(asked ? code : '<!doctype html><title>phone</title><link rel="icon" href="data:,"><script src="/phone.js"></script>');
    });
    await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
    return `http://127.0.0.1:${server.address().port}`;
}

const [tone] = process.argv.slice(2);
const origin = await serve(await script());
const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
        "--disable-component-update", "--disable-sync", "--autoplay-policy=no-user-gesture-required",
        "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream", `--use-file-for-fake-audio-capture=${tone}`,
        // A page that nobody looks at must not be slowed down, and the other end is on this machine.
        "--disable-renderer-backgrounding", "--disable-background-timer-throttling", "--allow-loopback-in-peer-connection"],
});

const pages = new Map();

async function open(name) {
    const context = await browser.newContext({ permissions: ["microphone"] });
    const page = await context.newPage();
    const tell = (text) => process.stderr.write(text.trim().replaceAll("%c", "").replaceAll("\r", "").replace(/^/gm, `${name}: `) + "\n");
    page.on("pageerror", (error) => tell(error.stack));
    page.on("console", (message) => tell(message.text().replace(/ color: .*$/, "")));
    pages.set(name, page);
    await page.goto(origin);
}

async function carryOut({ page: name, do: verb, args }) {
    if (verb === "open") {
        return open(name);
    }
    const page = pages.get(name);
    if (page === undefined) {
        throw new Error(`no page ${name}`);
    }
    switch (verb) {
    case "close":
        pages.delete(name);
        return page.context().close();
    case "reload":
        await page.reload();
        return undefined;
    default:
        return page.evaluate(([method, values]) => window.phone[method](...values), [verb, args ?? []]);
    }
}

createInterface({ input: process.stdin })
    .on("line", (line) => {
        const command = JSON.parse(line);
        carryOut(command).then(
            (result) => print({ id: command.id, result: result ?? null }),
            (error) => print({ id: command.id, error: error.message }),
        );
    })
    .on("close", () => void browser.close().finally(() => process.exit(0)));
print({ origin });
