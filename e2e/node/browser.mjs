// The little of a browser that the CometD clients need: timers, a console, XMLHttpRequest and WebSocket with a cookie
// jar. Requests go to the servers of this machine, so there is no proxy, no redirect and no TLS setting.
import http from "node:http";
import https from "node:https";
import { WebSocket } from "ws";

/** Cookies by name, for the one server that a listener talks to. */
export class CookieJar {
    #cookies = new Map();

    set(name, value) {
        this.#cookies.set(name, value);
    }

    get(name) {
        return this.#cookies.get(name);
    }

    /** Takes in the Set-Cookie lines of a response. Expiry in the past removes; path and domain don't matter here. */
    store(lines = []) {
        for (const line of lines) {
            const [pair, ...attributes] = line.split(";").map((part) => part.trim());
            const name = pair.slice(0, pair.indexOf("="));
            const gone = attributes.some((a) => /^max-age=(0|-)/i.test(a) || /^expires=.*1970/i.test(a));
            if (gone) {
                this.#cookies.delete(name);
            } else {
                this.#cookies.set(name, pair.slice(pair.indexOf("=") + 1));
            }
        }
    }

    header() {
        return [...this.#cookies].map(([name, value]) => `${name}=${value}`).join("; ");
    }
}

/** Makes an XMLHttpRequest class whose instances share a jar and a pool of kept connections. */
function requestClass(jar) {
    const agents = {
        "http:": new http.Agent({ keepAlive: true }),
        "https:": new https.Agent({ keepAlive: true }),
    };

    return class XMLHttpRequest {
        static UNSENT = 0;
        static OPENED = 1;
        static HEADERS_RECEIVED = 2;
        static LOADING = 3;
        static DONE = 4;

        readyState = 0;
        status = 0;
        statusText = "";
        responseText = "";
        onload = null;
        onerror = null;
        onabort = null;
        #method;
        #url;
        #headers = {};
        #request;

        open(method, url) {
            this.#method = method;
            this.#url = new URL(url);
            this.readyState = XMLHttpRequest.OPENED;
        }

        setRequestHeader(name, value) {
            this.#headers[name] = value;
        }

        send(body) {
            const payload = Buffer.from(body ?? "", "utf8");
            const headers = { ...this.#headers, "Content-Length": payload.length };
            const cookies = jar.header();
            if (cookies) {
                headers.Cookie = cookies;
            }
            const module = this.#url.protocol === "https:" ? https : http;
            const options = { method: this.#method, headers, agent: agents[this.#url.protocol] };
            this.#request = module.request(this.#url, options, (response) => this.#receive(response));
            this.#request.on("error", () => this.#finish("onerror"));
            this.#request.end(payload);
        }

        abort() {
            this.#request?.destroy();
            this.#finish("onabort");
        }

        #receive(response) {
            this.readyState = XMLHttpRequest.HEADERS_RECEIVED;
            jar.store(response.headers["set-cookie"]);
            const chunks = [];
            response.on("data", (chunk) => chunks.push(chunk));
            response.on("error", () => this.#finish("onerror"));
            response.on("end", () => {
                this.status = response.statusCode;
                this.statusText = response.statusMessage;
                this.responseText = Buffer.concat(chunks).toString("utf8");
                this.#finish("onload");
            });
        }

        /** Fires one of the three endings, once; a failed request has status 0, as in a browser. */
        #finish(handler) {
            if (this.readyState === XMLHttpRequest.DONE || this.readyState === XMLHttpRequest.UNSENT) {
                return;
            }
            this.readyState = XMLHttpRequest.DONE;
            if (handler !== "onload") {
                this.status = 0;
                this.statusText = "";
            }
            this[handler]?.();
        }
    };
}

/** Makes a WebSocket class that shares the jar. As in a browser, a page can add no header. */
function socketClass(jar) {
    return class extends WebSocket {
        constructor(url, protocols = []) {
            super(url, protocols, { headers: { Cookie: jar.header() }, perMessageDeflate: false });
            this.on("upgrade", (response) => jar.store(response.headers["set-cookie"]));
        }

        /** After it, a page hears nothing any more of what may still come (WHATWG WebSockets: a message counts while the state is OPEN). */
        close(...args) {
            this.onmessage = null;
            super.close(...args);
        }
    };
}

/** Installs the global `window` that the clients look for. Without a location every server counts as the own one. */
export function installWindow(jar, log) {
    const write = (level) => (...args) => log(`[${level}] ${args.map(String).join(" ")}`);
    globalThis.window = {
        setTimeout: (...args) => setTimeout(...args),
        clearTimeout: (id) => clearTimeout(id),
        console: { debug: write("debug"), info: write("info"), warn: write("warn"), error: write("error") },
        XMLHttpRequest: requestClass(jar),
        WebSocket: socketClass(jar),
    };
}
