import type { Device, DevicePort } from "../core/devices.ts";

const kinds: Partial<Record<MediaDeviceKind, Device["kind"]>> = { audioinput: "microphone", audiooutput: "speaker" };

/** The browser's devices. Pages without TLS have none, except on the loopback address. */
export class BrowserDevices implements DevicePort {
    readonly #devices = navigator.mediaDevices as MediaDevices | undefined;

    async list(): Promise<readonly Device[]> {
        const all = (await this.#devices?.enumerateDevices()) ?? [];
        return all.flatMap(({ kind, deviceId, label }) => {
            const known = kinds[kind];
            // Chromium lists the default once more under an id of its own; "no choice" means the same.
            return known === undefined || deviceId === "default" || deviceId === "communications" ? [] : [{ id: deviceId, kind: known, label }];
        });
    }

    onChange(callback: () => void): void {
        this.#devices?.addEventListener("devicechange", callback);
    }

    async ask(): Promise<void> {
        const stream = await this.#devices?.getUserMedia({ audio: true });
        stream?.getTracks().forEach((track) => {
            track.stop();
        });
    }
}
