// What a listener does with a CometD client, in Node and in a page alike.
const DISCONNECT_GUARD_MS = 5000;

/** Keeps of a reply what a test wants to compare; the client id is nobody's business. */
function summary(lifecycle, reply) {
    const line = { lifecycle, successful: reply.successful === true };
    if (reply.ext?.reload) {
        line.reload = true;
    }
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

export class Listener {
    #options;
    #cometd;
    #print;
    #exit;
    #received = 0;
    #online = false;
    #ending = false;
    #subscriptions = new Map();

    /** print takes what is told, one object at a time; exit takes the status when all is over. */
    constructor(options, cometd, { print, exit }) {
        this.#options = options;
        this.#cometd = cometd;
        this.#print = print;
        this.#exit = exit;
        const requestHeaders = {};
        if (options.token && options.auth === "header") {
            requestHeaders.Authorization = `Bearer ${options.token}`;
        }
        if (options.transport !== "any") {
            cometd.getTransportTypes().filter((type) => type !== options.transport).forEach((type) => cometd.unregisterTransport(type));
        }
        cometd.configure({
            url: options.url,
            requestHeaders,
            logLevel: options.debug ? "debug" : "error",
            useWorkerScheduler: false,
            ...(options["network-delay"] && { maxNetworkDelay: options["network-delay"] }),
        });
        cometd.addListener("/meta/handshake", (reply) => this.#onHandshake(reply));
        cometd.addListener("/meta/connect", (reply) => this.#onConnect(reply));
        cometd.addListener("/meta/disconnect", (reply) => this.#onDisconnect(reply));
    }

    start() {
        const { token, auth, timeout } = this.#options;
        if (timeout) {
            setTimeout(() => this.end(1, "timeout"), timeout).unref?.();
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
            this.#cometd.unsubscribe(this.#subscriptions.get(channel), (reply) => this.#print(summary("unsubscribed", reply)));
            this.#subscriptions.delete(channel);
            return;
        case "publish":
            this.#cometd.publish(channel, JSON.parse(rest.join(" ")), (reply) => this.#print(summary("published", reply)));
            return;
        case "disconnect":
            this.end(0, "command");
            return;
        default:
            this.#print({ lifecycle: "refused", error: `unknown command ${JSON.stringify(verb)}` });
        }
    }

    /** Leaves, with a disconnect if there is a session. Only the first call counts. */
    end(status, cause) {
        if (this.#ending) {
            return;
        }
        this.#ending = true;
        const exit = () => {
            this.#print({ lifecycle: "ended", cause });
            this.#exit(status);
        };
        if (this.#cometd.isDisconnected()) {
            exit();
            return;
        }
        setTimeout(exit, DISCONNECT_GUARD_MS).unref?.();
        this.#cometd.disconnect((reply) => {
            this.#print(summary("disconnect", reply));
            exit();
        });
    }

    #onHandshake(reply) {
        this.#print(summary("handshake", reply));
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
            this.#print(summary("connect", reply));
        }
        this.#stopIfTold(reply);
    }

    #onDisconnect(reply) {
        if (!this.#ending && reply.successful) {
            this.#print(summary("dismissed", reply));
            setTimeout(() => this.end(3, "dismissed by the server"), 0);
        }
    }

    #stopIfTold(reply) {
        if (reply.advice?.reconnect === "none" && !this.#ending) {
            setTimeout(() => this.end(3, "stopped by the server"), 0);
        }
    }

    #subscribe(channel) {
        const onReply = (reply) => this.#print(summary("subscribed", reply));
        this.#subscriptions.set(channel, this.#cometd.subscribe(channel, (message) => this.#onMessage(message), onReply));
    }

    #onMessage({ channel, data }) {
        this.#print({ channel, data });
        this.#received += 1;
        const { count, until } = this.#options;
        if (count && this.#received >= count) {
            this.end(0, "count");
        } else if (until && [data?.event, data?.messageType].includes(until)) {
            this.end(0, "until");
        }
    }
}
