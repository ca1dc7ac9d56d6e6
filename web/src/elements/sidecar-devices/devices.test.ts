import { expect, it } from "vitest";
import { type Device, Devices } from "../../core/devices.ts";
import { all, button, drawn, expectAccessible, mount, one, words } from "../testing.ts";
import "./index.ts";

async function rig(labels: boolean, ask: () => Promise<void> = () => Promise.resolve()) {
    const list: Device[] = [
        { id: "m1", kind: "microphone", label: labels ? "Headset" : "" },
        { id: "s1", kind: "speaker", label: labels ? "Loud" : "" },
    ];
    const kept = new Map<string, string>();
    const devices = new Devices({ list: () => Promise.resolve(list), onChange: () => undefined, ask }, {
        read: (name) => kept.get(name) ?? null,
        write: (name, value) => kept.set(name, value ?? ""),
    });
    await devices.refresh();
    const element = await mount("sidecar-devices", { devices });
    one<HTMLDetailsElement>(element, "details").open = true;
    return { devices, element };
}

it("lets one choose", async () => {
    const { devices, element } = await rig(true);
    expect(words(element, "option")).toEqual(["Default", "Headset", "Default", "Loud"]);
    expect(all(element, "button")).toEqual([]);
    const select = one<HTMLSelectElement>(element, "select");
    select.value = "m1";
    select.dispatchEvent(new Event("change"));
    expect(devices.chosen("microphone")).toBe("m1");
    await expectAccessible(element);
});

it("asks for permission, and says when it was refused", async () => {
    const { element } = await rig(false, () => Promise.reject(new Error("denied")));
    expect(words(element, "option")).toContain("Device 1");
    button(element, "Allow the microphone").click();
    await expect.poll(() => one(element, "[role=alert]").textContent).toMatch(/does not let this page/);
    await drawn(element);
});
