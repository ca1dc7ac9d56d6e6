import { expect, it } from "vitest";
import { button, expectAccessible, heard, mount, one } from "../testing.ts";
import "./index.ts";

it("asks for a DN's password, and keeps none", async () => {
    const element = await mount("sidecar-password", { dn: "5004" });
    const sent = heard<string>(element, "sidecar-password");
    button(element, "Register").click();
    expect(sent, "there is none").toEqual([]);
    const input = one<HTMLInputElement>(element, "[name=password]");
    input.value = " secret ";
    button(element, "Register").click();
    expect([sent, input.value]).toEqual([[" secret "], ""]);
    expect(one(element, "label").textContent).toContain("5004");
    await expectAccessible(element);
});
