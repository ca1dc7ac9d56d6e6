import { CometD, type Message } from "cometd";
import type { BayeuxClient, BayeuxOptions } from "../core/feed.ts";

/** The feed's client, made of CometD's. */
export class CometdClient implements BayeuxClient {
    readonly #url: string;
    #cometd: CometD | null = null;

    constructor(url: string) {
        this.#url = url;
    }

    open(options: BayeuxOptions): void {
        this.close();
        const cometd = new CometD();
        this.#cometd = cometd;
        // Long-polling is what the server speaks.
        cometd.unregisterTransport("websocket");
        cometd.unregisterTransport("callback-polling");
        cometd.configure({
            url: this.#url,
            logLevel: "warn",
            requestHeaders: { Authorization: `Bearer ${options.token}` },
            backoffIncrement: 1000,
            maxBackoff: 15_000,
        });
        // A session that was lost is made anew by CometD itself, with the message of the first time: the cursors are put in here.
        cometd.registerExtension("cursor", {
            outgoing: (message) => {
                if (message.channel === "/meta/handshake") {
                    message.ext = { ...message.ext, cursor: options.cursors() };
                }
                return message;
            },
        });
        const current = (): boolean => this.#cometd === cometd;
        const fail = ({ advice }: Message): void => {
            if (current()) {
                options.onState(advice?.reconnect === "none" ? "denied" : "down");
            }
        };
        cometd.addListener("/meta/handshake", (message) => {
            if (message.successful !== true) {
                fail(message);
            } else if (current()) {
                cometd.batch(() => {
                    for (const channel of options.channels) {
                        cometd.subscribe(channel, (event) => {
                            if (current()) {
                                options.onMessage(channel, event.data);
                            }
                        });
                    }
                });
            }
        });
        cometd.addListener("/meta/connect", (message) => {
            if (message.successful !== true) {
                fail(message);
            } else if (current()) {
                options.onState("up");
            }
        });
        cometd.addListener("/meta/disconnect", () => {
            if (current()) { // not asked for: the token has ended
                options.onState("denied");
            }
        });
        options.onState("connecting");
        cometd.handshake();
    }

    publish(channel: string, data: object): void {
        this.#cometd?.publish(channel, data);
    }

    close(): void {
        const cometd = this.#cometd;
        this.#cometd = null;
        if (cometd !== null && !cometd.isDisconnected()) {
            cometd.disconnect();
        }
    }
}
