// Listens to a Bayeux server with a real CometD client in a page of a headless Chromium, and prints what the page sees. Options,
// commands and output are those of listen.mjs. The page belongs to the server's own origin: its document is put in the way of the
// request for it, everything else goes to the server.
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { fileURLToPath, pathToFileURL } from "node:url";
import { readOptions, usage } from "./options.mjs";

const web = createRequire(new URL("../../web/package.json", import.meta.url));
const { rolldown } = await import(pathToFileURL(web.resolve("rolldown")));
const { chromium } = web("playwright");

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const print = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);

async function script(generation) {
    const bundle = await rolldown({
        input: here("feed_page.mjs"),
        resolve: { alias: { cometd: here(`node_modules/cometd${generation}`) } },
        platform: "browser",
        logLevel: "silent",
    });
    const { output } = await bundle.generate({ format: "iife" });
    await bundle.close();
    return output[0].code;
}

async function openPage(browser, options, exit) {
    const context = await browser.newContext();
    const origin = new URL(options.url).origin;
    if (options.token && options.auth === "cookie") {
        await context.addCookies([{ name: options["cookie-name"], value: options.token, url: origin }]);
    }
    const page = await context.newPage();
    page.on("pageerror", (error) => process.stderr.write(`${error.stack}\n`));
    page.on("console", (message) => process.stderr.write(`[${message.type()}] ${message.text()}\n`));
    await page.exposeFunction("tell", print);
    await page.exposeFunction("over", exit);
    await page.addInitScript(`window.listenerOptions = ${JSON.stringify(JSON.stringify(options))}`);
    const code = await script(options.client);
    const body = `<!doctype html><title>listener</title><link rel="icon" href="data:,"><script>${code.replaceAll("</script", "<\\/script")}</script>`;
    await page.route("**/listener.html", (route) => route.fulfill({ contentType: "text/html", body }));
    await page.goto(`${origin}/listener.html`);
    return page;
}

async function main() {
    let options;
    try {
        options = readOptions(process.argv.slice(2), process.env);
    } catch (error) {
        process.stderr.write(`${error.message}\n${usage}\n`);
        return process.exit(2);
    }
    if (options.help) {
        process.stdout.write(`${usage}\n`);
        return undefined;
    }
    const browser = await chromium.launch({
        executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
        args: ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update",
            "--disable-sync", "--disable-renderer-backgrounding", "--disable-background-timer-throttling",
            // The page counts as one from the outside, since its document did not come from this machine.
            "--disable-features=LocalNetworkAccessChecks,LocalNetworkAccessChecksWebSockets"],
    });
    const exit = (status) => void browser.close().finally(() => process.stdout.write("", () => process.exit(status)));
    const page = await openPage(browser, options, exit);
    createInterface({ input: process.stdin })
        .on("line", (line) => {
            const done = line.trim() === "reload" ? page.reload() : page.evaluate((text) => window.listener.command(text), line);
            done.catch((error) => print({ lifecycle: "refused", error: error.message }));
        })
        .on("close", () => page.evaluate(() => window.listener.end(0, "end of input")).catch(() => exit(0)));
    return undefined;
}

await main();
