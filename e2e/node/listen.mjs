// Listens to a Bayeux server with a real CometD client of a chosen generation and prints what it sees.
import { createInterface } from "node:readline";
import { CookieJar, installWindow } from "./browser.mjs";
import { Listener } from "./listener.mjs";
import { readOptions, usage } from "./options.mjs";

const print = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);
const exit = (status) => process.stdout.write("", () => process.exit(status));

/** Loads the client of a generation, and its ack extension: an ES module, or one of the older kind that adds to the client's. */
async function loadClient(generation) {
    const client = await import(`cometd${generation}`);
    const extension = await import(`cometd${generation}/AckExtension.js`);
    return { CometD: client.CometD ?? client.default.CometD, AckExtension: extension.AckExtension ?? extension.default };
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
    const jar = new CookieJar();
    installWindow(jar, (line) => process.stderr.write(`${line}\n`));
    if (options.token && options.auth === "cookie") {
        jar.set(options["cookie-name"], options.token);
    }
    const { CometD, AckExtension } = await loadClient(options.client);
    const cometd = new CometD();
    if (options.ack) {
        cometd.registerExtension("ack", new AckExtension());
    }
    const listener = new Listener(options, cometd, { print, exit });
    process.on("SIGTERM", () => listener.end(0, "SIGTERM"));
    process.on("SIGINT", () => listener.end(0, "SIGINT"));
    createInterface({ input: process.stdin })
        .on("line", (line) => {
            try {
                listener.command(line);
            } catch (error) {
                print({ lifecycle: "refused", error: error.message });
            }
        })
        .on("close", () => options.count || options.until || listener.end(0, "end of input"));
    listener.start();
    return undefined;
}

await main();
