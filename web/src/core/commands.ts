import { Emitter } from "./emitter.ts";
import type { Feed } from "./feed.ts";
import { object, text } from "./json.ts";
import type { Phone, PhoneCall } from "./phone.ts";
import { PhoneError } from "./phone_error.ts";

export interface CommandEvents {
    /** The server is about to stop. */
    drain: undefined;
}

/** Does with this phone what the server wants on behalf of somebody else: an agent's desktop, a supervisor. */
export class Commands extends Emitter<CommandEvents> {
    readonly #phone: Phone;

    constructor(feed: Feed, phone: Phone) {
        super();
        this.#phone = phone;
        feed.on("command", (data) => {
            const command = object(data);
            const id = text(command["id"]);
            if (id !== "") {
                void this.#do(text(command["verb"]), text(command["callId"])).then(
                    () => {
                        feed.acknowledge({ id, ok: true });
                    },
                    (error: unknown) => {
                        feed.acknowledge({ id, ok: false, error: error instanceof Error ? error.message : "unknown error" });
                    });
            }
        });
    }

    /** What is so already needs no doing: a desktop and an agent may both press the button. */
    async #do(verb: string, callId: string): Promise<void> {
        const call = this.#phone.calls.find((candidate) => candidate.callId === callId);
        switch (verb) {
            case "drain":
                this.emit("drain", undefined);
                return;
            case "taken":
                this.#phone.handleTaken();
                return;
            case "hangup":
                if (call !== undefined) {
                    this.#phone.hangUp(call.id);
                }
                return;
            case "answer":
                if (!is(call, "answering", "talking", "held")) {
                    await this.#phone.answer(known(call).id);
                }
                return;
            case "hold":
                if (!is(call, "held")) {
                    await this.#phone.hold(known(call).id);
                }
                return;
            case "retrieve":
                if (!is(call, "talking")) {
                    await this.#phone.retrieve(known(call).id);
                }
                return;
            default:
                throw new Error(`unknown verb ${verb}`);
        }
    }
}

function is(call: PhoneCall | undefined, ...states: readonly PhoneCall["state"][]): boolean {
    return call !== undefined && states.includes(call.state);
}

function known(call: PhoneCall | undefined): PhoneCall {
    if (call === undefined) {
        throw new PhoneError("no_such_call");
    }
    return call;
}
