/** Reads values of unknown shape, as they come from the network. What has another type than expected is left out. */
export type JsonObject = Readonly<Record<string, unknown>>;

export function isObject(value: unknown): value is JsonObject {
    return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function object(value: unknown): JsonObject {
    return isObject(value) ? value : {};
}

export function text(value: unknown): string {
    return typeof value === "string" ? value : "";
}

export function number(value: unknown): number {
    return typeof value === "number" && Number.isFinite(value) ? value : 0;
}

export function list(value: unknown): readonly unknown[] {
    return Array.isArray(value) ? value : [];
}

export function texts(value: unknown): readonly string[] {
    return list(value).filter((item): item is string => typeof item === "string");
}

/** A time of our server's as milliseconds since 1970; 0 if it is none. */
export function time(value: unknown): number {
    const parsed = Date.parse(text(value));
    return Number.isNaN(parsed) ? 0 : parsed;
}

/** Parses JSON; undefined if it is none. */
export function parse(source: string): unknown {
    try {
        return JSON.parse(source) as unknown;
    } catch {
        return undefined;
    }
}
