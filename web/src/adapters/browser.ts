import type { Clock } from "../core/clock.ts";
import type { Storage } from "../core/storage.ts";

export const browserClock: Clock = {
    now: () => Date.now(),
    after: (milliseconds, callback) => {
        const timer = setTimeout(callback, milliseconds);
        return () => {
            clearTimeout(timer);
        };
    },
};

/** A browser may refuse to keep anything; the page then forgets. */
export function browserStorage(storage: () => globalThis.Storage): Storage {
    return {
        read: (name) => {
            try {
                return storage().getItem(name);
            } catch {
                return null;
            }
        },
        write: (name, value) => {
            try {
                if (value === null) {
                    storage().removeItem(name);
                } else {
                    storage().setItem(name, value);
                }
            } catch {
                // Full or forbidden.
            }
        },
    };
}

/** crypto.randomUUID is missing on pages without TLS. */
export function newId(): string {
    return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
