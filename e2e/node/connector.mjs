// Lets pages of an agent desktop, in a headless Chromium, ask the connector of this PC. Each line of input is a request of a page:
// {origin, method, url, body, allowed}; each line of output is {status, body} or {error}, as the page's fetch had it. The pages come from
// hosts that don't exist, so their document is put in the way of the request for it. allowed: the user, or a policy, lets pages of
// the origin reach this machine, which Chrome asks for from version 142 on.
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const web = createRequire(new URL("../../web/package.json", import.meta.url));
const { chromium } = web("playwright");

const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});
const context = await browser.newContext({ ignoreHTTPSErrors: true }); // for the certificate that the PC would trust
const pages = new Map();

async function pageOf(origin) {
    if (!pages.has(origin)) {
        const page = await context.newPage();
        await page.route(`${origin}/`, (route) => route.fulfill({ contentType: "text/html", body: "<title>desktop</title>" }));
        await page.goto(`${origin}/`);
        pages.set(origin, page);
    }
    return pages.get(origin);
}

async function ask({ origin, method, url, body, allowed }) {
    await context.grantPermissions(allowed ? ["local-network-access"] : [], { origin });
    const page = await pageOf(origin);
    return page.evaluate(async (request) => {
        try {
            const options = { method: request.method, body: request.body, headers: request.body ? { "Content-Type": "application/json" } : {} };
            const answer = await fetch(request.url, options);
            return { status: answer.status, body: await answer.json() };
        } catch (error) {
            return { error: String(error) };
        }
    }, { method, url, body });
}

for await (const line of createInterface({ input: process.stdin })) {
    process.stdout.write(`${JSON.stringify(await ask(JSON.parse(line)))}\n`);
}
await browser.close();
