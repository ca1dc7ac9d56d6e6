import { Emitter } from "./emitter.ts";
import type { Storage } from "./storage.ts";

export type DeviceKind = "microphone" | "speaker";

export interface Device {
    readonly id: string;
    readonly kind: DeviceKind;
    /** Empty before the user has allowed the microphone. */
    readonly label: string;
}

/** The browser's devices. */
export interface DevicePort {
    list(): Promise<readonly Device[]>;
    onChange(callback: () => void): void;
    /** Asks the user for the microphone, which also makes the labels known. */
    ask(): Promise<void>;
}

export interface DevicesEvents {
    change: undefined;
    /** Another device is to be used from now on. */
    choice: DeviceKind;
}

const keys: Readonly<Record<DeviceKind, string>> = { microphone: "sidecar.microphone", speaker: "sidecar.speaker" };

/** Knows the devices and which are chosen. A chosen one that is unplugged stays chosen and is used again when it is back. */
export class Devices extends Emitter<DevicesEvents> {
    readonly #port: DevicePort;
    readonly #storage: Storage;
    #devices: readonly Device[] = [];
    readonly #used: Record<DeviceKind, string> = { microphone: "", speaker: "" };

    constructor(port: DevicePort, storage: Storage) {
        super();
        this.#port = port;
        this.#storage = storage;
        port.onChange(() => {
            void this.refresh();
        });
    }

    of(kind: DeviceKind): readonly Device[] {
        return this.#devices.filter((device) => device.kind === kind);
    }

    /** The id of the device to use; "" is the browser's default. */
    chosen(kind: DeviceKind): string {
        const id = this.#storage.read(keys[kind]) ?? "";
        return this.#devices.some((device) => device.kind === kind && device.id === id) ? id : "";
    }

    /** Whether there are devices whose names the browser keeps back until the user allows the microphone. */
    get needsPermission(): boolean {
        return this.#devices.length === 0 || this.#devices.every((device) => device.label === "");
    }

    choose(kind: DeviceKind, id: string): void {
        this.#storage.write(keys[kind], id === "" ? null : id);
        this.#announce();
    }

    async refresh(): Promise<void> {
        this.#devices = (await this.#port.list()).filter((device) => device.id !== "" || device.label !== "");
        this.#announce();
    }

    async ask(): Promise<void> {
        await this.#port.ask();
        await this.refresh();
    }

    #announce(): void {
        this.emit("change", undefined);
        for (const kind of ["microphone", "speaker"] as const) {
            const id = this.chosen(kind);
            if (id !== this.#used[kind]) {
                this.#used[kind] = id;
                this.emit("choice", kind);
            }
        }
    }
}
