import { expect, it } from "vitest";
import { button, drawn, expectAccessible, heard, mount, one } from "../testing.ts";
import type { LoginDetail } from "./login.ts";
import "./index.ts";

it("sends user and password", async () => {
    const login = await mount("sidecar-login");
    const sent = heard<LoginDetail>(login, "sidecar-login");
    button(login, "Log in").click();
    expect(sent, "both are required").toEqual([]);
    one<HTMLInputElement>(login, "[name=user]").value = " anna ";
    one<HTMLInputElement>(login, "[name=password]").value = " secret ";
    button(login, "Log in").click();
    expect(sent).toEqual([{ user: "anna", password: " secret " }]);
    await expectAccessible(login);
});

it("tells why it failed, and waits while it asks", async () => {
    const login = await mount("sidecar-login", { failure: { code: "bad_credentials", detail: "", retryAfter: 0 } });
    expect(one(login, "[role=alert]").textContent).toBe("User or password is wrong.");
    await expectAccessible(login);
    login.busy = true;
    await drawn(login);
    expect(button(login, "Logging in…").disabled).toBe(true);
});
