import { expect, it } from "vitest";
import { type Device, Devices } from "./devices.ts";
import { FakeStorage, settle } from "./testing.ts";

function rig(first: Device[]) {
    let plug = (): void => undefined;
    const port = {
        devices: first,
        list: () => Promise.resolve(port.devices),
        onChange: (callback: () => void) => (plug = callback),
        ask: () => {
            port.devices = port.devices.map((device) => ({ ...device, label: `the ${device.id}` }));
            return Promise.resolve();
        },
    };
    const storage = new FakeStorage();
    const devices = new Devices(port, storage);
    const choices: string[] = [];
    devices.on("choice", (kind) => choices.push(`${kind} ${devices.chosen(kind)}`));
    return { devices, port, storage, choices, plug: () => (plug(), settle()) };
}

const headset: Device = { id: "headset", kind: "microphone", label: "Headset" };
const builtIn: Device = { id: "built-in", kind: "microphone", label: "Built-in" };

it("uses the chosen device while it is plugged in", async () => {
    const { devices, port, choices, plug } = rig([headset, builtIn]);
    await devices.refresh();
    expect(devices.chosen("microphone")).toBe("");
    devices.choose("microphone", "headset");
    port.devices = [builtIn];
    await plug();
    expect(devices.chosen("microphone")).toBe("");
    port.devices = [builtIn, headset];
    await plug();
    devices.choose("microphone", "");
    devices.choose("microphone", "");
    expect(choices).toEqual(["microphone headset", "microphone ", "microphone headset", "microphone "]);
});

it("knows the names once the user has allowed it", async () => {
    const { devices } = rig([{ id: "", kind: "microphone", label: "" }, { id: "a", kind: "speaker", label: "" }]);
    await devices.refresh();
    expect(devices.of("microphone"), "a device without id and name is no choice").toEqual([]);
    expect(devices.needsPermission).toBe(true);
    await devices.ask();
    expect(devices.needsPermission).toBe(false);
    expect(devices.of("speaker")).toEqual([{ id: "a", kind: "speaker", label: "the a" }]);
});
