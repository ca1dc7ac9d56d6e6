// Listens to a Bayeux server with a real CometD client of a chosen generation and prints what it sees.
import { createInterface } from "node:readline";
import { CookieJar, installWindow } from "./browser.mjs";
import { readOptions, usage } from "./options.mjs";

const DISCONNECT_GUARD_MS = 5000;

const print = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);

/** Keeps of a reply what a test wants to compare; the client id is nobody's business. */
function summary(lifecycle, reply) {
    const line = { lifecycle, successful: reply.successful === true };
    for (const field of ["subscription", "channel", "error", "reestablish"]) {
        if (reply[field] !== undefined && !(field === "channel" && lifecycle !== "published")) {
            line[field] = reply[field];
        }
    }
    if (reply.failure) {
        line.error = reply.error ?? reply.failure.reason ?? `HTTP ${reply.failure.httpCode ?? "?"}`;
    }
    if (reply.advice?.reconnect) {
        line.reconnect = reply.advice.reconnect;
    }
    return line;
}

class Listener {
    #options;
    #cometd;
    #received = 0;
    #online = false;
    #ending = false;
    #subscriptions = new Map();

    constructor(options, cometd, jar) {
        this.#options = options;
        this.#cometd = cometd;
        const requestHeaders = {};
        if (options.token && options.auth === "header") {
            requestHeaders.Authorization = `Bearer ${options.token}`;
        }
        if (options.token && options.auth === "cookie") {
            jar.set(options["cookie-name"], options.token);
        }
        cometd.configure({
            url: options.url,
            requestHeaders,
            logLevel: options.debug ? "debug" : "error",
            useWorkerScheduler: false,
        });
        cometd.addListener("/meta/handshake", (reply) => this.#onHandshake(reply));
        cometd.addListener("/meta/connect", (reply) => this.#onConnect(reply));
        cometd.addListener("/meta/disconnect", (reply) => this.#onDisconnect(reply));
    }

    start() {
        const { token, auth, timeout } = this.#options;
        if (timeout) {
            setTimeout(() => this.end(1, "timeout"), timeout).unref();
        }
        this.#cometd.handshake(auth === "ext" ? { ext: { auth: { token } } } : {});
    }

    /** Carries out one line of standard input. */
    command(line) {
        const [verb, channel, ...rest] = line.trim().split(" ");
        switch (verb) {
        case "":
            return;
        case "subscribe":
            this.#subscribe(channel);
            return;
        case "unsubscribe":
            this.#cometd.unsubscribe(this.#subscriptions.get(channel), (reply) => print(summary("unsubscribed", reply)));
            this.#subscriptions.delete(channel);
            return;
        case "publish":
            this.#cometd.publish(channel, JSON.parse(rest.join(" ")), (reply) => print(summary("published", reply)));
            return;
        case "disconnect":
            this.end(0, "command");
            return;
        default:
            print({ lifecycle: "refused", error: `unknown command ${JSON.stringify(verb)}` });
        }
    }

    /** Leaves, with a disconnect if there is a session. Only the first call counts. */
    end(status, cause) {
        if (this.#ending) {
            return;
        }
        this.#ending = true;
        const exit = () => {
            print({ lifecycle: "ended", cause });
            process.stdout.write("", () => process.exit(status));
        };
        if (this.#cometd.isDisconnected()) {
            exit();
            return;
        }
        setTimeout(exit, DISCONNECT_GUARD_MS).unref();
        this.#cometd.disconnect((reply) => {
            print(summary("disconnect", reply));
            exit();
        });
    }

    #onHandshake(reply) {
        print(summary("handshake", reply));
        if (!reply.successful) {
            this.#stopIfTold(reply);
            return;
        }
        // The server forgot the subscriptions together with the former session.
        const channels = this.#subscriptions.size ? [...this.#subscriptions.keys()] : this.#options.channels;
        this.#cometd.batch(() => channels.forEach((channel) => this.#subscribe(channel)));
    }

    #onConnect(reply) {
        if (this.#ending) {
            return;
        }
        if (reply.successful !== this.#online) {
            this.#online = reply.successful;
            print(summary("connect", reply));
        }
        this.#stopIfTold(reply);
    }

    #onDisconnect(reply) {
        if (!this.#ending && reply.successful) {
            print(summary("dismissed", reply));
            setTimeout(() => this.end(3, "dismissed by the server"), 0);
        }
    }

    #stopIfTold(reply) {
        if (reply.advice?.reconnect === "none" && !this.#ending) {
            setTimeout(() => this.end(3, "stopped by the server"), 0);
        }
    }

    #subscribe(channel) {
        const onReply = (reply) => print(summary("subscribed", reply));
        this.#subscriptions.set(channel, this.#cometd.subscribe(channel, (message) => this.#onMessage(message), onReply));
    }

    #onMessage({ channel, data }) {
        print({ channel, data });
        this.#received += 1;
        const { count, until } = this.#options;
        if (count && this.#received >= count) {
            this.end(0, "count");
        } else if (until && [data?.event, data?.messageType].includes(until)) {
            this.end(0, "until");
        }
    }
}

async function loadClient(generation) {
    const module = await import(`cometd${generation}`);
    return module.CometD ?? module.default.CometD;
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
    const CometD = await loadClient(options.client);
    const listener = new Listener(options, new CometD(), jar);
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
