import { PhoneError } from "../core/phone_error.ts";
import type { Microphone, Microphones } from "../core/phone_ports.ts";

/** An open microphone of the browser's. */
export class BrowserMicrophone implements Microphone {
    /** Null: there is none. */
    readonly stream: MediaStream | null;

    constructor(stream: MediaStream | null) {
        this.stream = stream;
    }

    get listenOnly(): boolean {
        return this.stream === null;
    }

    close(): void {
        this.stream?.getTracks().forEach((track) => {
            track.stop();
        });
    }
}

/** Opens the chosen microphone. */
export class BrowserMicrophones implements Microphones {
    readonly #chosen: () => string;

    /** Chosen gives a device's id; "" is the browser's default. */
    constructor(chosen: () => string) {
        this.#chosen = chosen;
    }

    async open(): Promise<Microphone> {
        // Pages without TLS have no mediaDevices, except on the loopback address.
        const devices = navigator.mediaDevices as MediaDevices | undefined;
        if (devices === undefined) {
            throw new PhoneError("microphone_denied");
        }
        const id = this.#chosen();
        try {
            const audio: MediaTrackConstraints = { echoCancellation: true, noiseSuppression: true, autoGainControl: true };
            return new BrowserMicrophone(await devices.getUserMedia({ audio: id === "" ? audio : { ...audio, deviceId: { exact: id } } }));
        } catch (cause) {
            const name = cause instanceof Error ? cause.name : "";
            if (name === "NotFoundError" || name === "OverconstrainedError") {
                return new BrowserMicrophone(null);
            }
            throw new PhoneError(name === "NotAllowedError" || name === "SecurityError" ? "microphone_denied" : "microphone_busy", { cause });
        }
    }
}
