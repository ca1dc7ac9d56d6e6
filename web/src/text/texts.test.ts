import { expect, it } from "vitest";
import { de } from "./de.ts";
import { en } from "./en.ts";
import { errorText, failureText, pickTexts } from "./texts.ts";

it.each([
    [["de-AT", "en"], "de"], [["fr", "de"], "de"], [["en-GB", "de"], "en"], [["fr"], "en"], [[], "en"], [["constructor"], "en"],
])("picks from %j the language %s", (wanted, language) => {
    expect(pickTexts(wanted).language).toBe(language);
});

it("has no text that is empty in any language", () => {
    const walk = (value: unknown, path: string): void => {
        if (typeof value === "string") {
            expect(value.trim(), path).not.toBe("");
        } else {
            Object.entries(value as object).forEach(([key, item]) => {
                walk(item, `${path}.${key}`);
            });
        }
    };
    walk(en, "en");
    walk(de, "de");
});

it("tells an error in our words, else in the server's", () => {
    expect(errorText(en, { code: "bad_credentials", message: "no" })).toBe("User or password is wrong.");
    expect(errorText(en, { code: "impossible_number", message: "denied by class default" })).toBe("That did not work: denied by class default");
    expect(errorText(en, { code: "toString", message: "" })).toBe("That did not work.");
    expect(errorText(en, new Error("boom"))).toBe("That did not work: boom");
    expect(errorText(de, null)).toBe("Das hat nicht geklappt.");
    expect([failureText(en, 486), failureText(en, 420), failureText(en, 0)]).toEqual(["busy", "SIP 420", ""]);
});
