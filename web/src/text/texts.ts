import { de } from "./de.ts";
import { en, type Texts } from "./en.ts";

export type { Texts } from "./en.ts";

const tables: Readonly<Record<string, Texts>> = { en, de };

/** The first of the wanted languages (BCP 47) that there is, with its name; else English. */
export function pickTexts(wanted: readonly string[]): { readonly language: string; readonly texts: Texts } {
    for (const tag of wanted) {
        const language = tag.toLowerCase().split("-")[0] ?? "";
        const texts = Object.hasOwn(tables, language) ? tables[language] : undefined;
        if (texts !== undefined) {
            return { language, texts };
        }
    }
    return { language: "en", texts: en };
}

/** What to tell people of an error: our words for its code, else the server's. */
export function errorText(texts: Texts, error: unknown): string {
    const { code, detail, message } = (error ?? {}) as { code?: unknown; detail?: unknown; message?: unknown };
    const known: Readonly<Record<string, string>> = texts.errors;
    if (typeof code === "string" && code !== "other" && Object.hasOwn(known, code)) {
        return known[code] ?? texts.errors.other;
    }
    const said = [detail, message].find((item) => typeof item === "string" && item !== "");
    return typeof said === "string" ? `${texts.errors.other}: ${said}` : `${texts.errors.other}.`;
}

/** What to tell people of a call that could not be made, from its SIP status. */
export function failureText(texts: Texts, status: number): string {
    const known = texts.failure[status];
    return known ?? (status === 0 ? "" : `SIP ${status}`);
}
