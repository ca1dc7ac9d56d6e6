import { list, number, object, parse, text, texts, time } from "./json.ts";
import { type PhoneSettings, readPhoneSettings } from "./phone_settings.ts";

/** What the server said no to, or that it said nothing. `code` is the problem's, or one of ours: "unreachable", "bad_answer". */
export class RestError extends Error {
    override readonly name = "RestError";
    readonly code: string;
    readonly status: number;
    /** Seconds; 0 if the server did not say. */
    readonly retryAfter: number;

    constructor(code: string, status: number, detail: string, retryAfter = 0) {
        super(detail);
        this.code = code;
        this.status = status;
        this.retryAfter = retryAfter;
    }
}

/** Who is logged in, and until when. */
export interface Identity {
    readonly token: string;
    readonly expiresAt: number;
    readonly user: string;
    readonly displayName: string;
    readonly role: string;
    readonly dns: readonly string[];
}

/** A DN as the server lists it. */
export interface DnInfo {
    readonly number: string;
    readonly inService: boolean;
    readonly owner: string;
    readonly callerId: string;
}

/** The part of fetch that is needed. */
export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

export interface RestOptions {
    readonly fetch: Fetch;
    /** Of the server, without a slash at its end; "" is the page's own. */
    readonly base: string;
    /** Makes the id by which a command may be repeated. */
    readonly newId: () => string;
    readonly timeout?: number;
}

const defaultTimeout = 15_000;

/** Speaks REST with the server. Tokens are handed in with each request; none is kept here. */
export class Rest {
    readonly #options: RestOptions;

    constructor(options: RestOptions) {
        this.#options = options;
    }

    async login(user: string, password: string): Promise<Identity> {
        const answer = object(await this.#send("POST", "/login", null, { user, password }));
        const identity: Identity = {
            token: text(answer["token"]),
            expiresAt: time(answer["expiresAt"]),
            user: text(answer["user"]),
            displayName: text(answer["displayName"]),
            role: text(answer["role"]),
            dns: texts(answer["dns"]),
        };
        if (identity.token === "") {
            throw new RestError("bad_answer", 200, "the login's answer has no token");
        }
        return identity;
    }

    async logout(token: string): Promise<void> {
        await this.#send("POST", "/logout", token);
    }

    async listDns(token: string): Promise<readonly DnInfo[]> {
        const answer = object(await this.#send("GET", "/dns", token));
        return list(answer["dns"]).map(object).map((dn) => ({
            number: text(dn["number"]),
            inService: dn["inService"] === true,
            owner: text(dn["owner"]),
            callerId: text(dn["callerId"]),
        }));
    }

    /** How this user's phones connect. */
    async phoneSettings(token: string): Promise<PhoneSettings> {
        return readPhoneSettings(await this.#send("GET", "/phone", token));
    }

    /** Rings the DN's phone, then calls the number for it. */
    async makeCall(token: string, from: string, to: string): Promise<string> {
        return text(object(await this.#send("POST", "/calls", token, { from, to }))["id"]);
    }

    /** The DN leaves the call, the number is called in its place. */
    async transfer(token: string, call: string, dn: string, to: string): Promise<void> {
        await this.#send("POST", `/calls/${encodeURIComponent(call)}/transfer`, token, { to, dn });
    }

    /** Ends the call for everybody. */
    async hangup(token: string, call: string): Promise<void> {
        await this.#send("POST", `/calls/${encodeURIComponent(call)}/hangup`, token);
    }

    async #send(method: "GET" | "POST", path: string, token: string | null, body?: object): Promise<unknown> {
        const headers: Record<string, string> = { Accept: "application/json" };
        if (token !== null) {
            headers["Authorization"] = `Bearer ${token}`;
        }
        if (body !== undefined) {
            headers["Content-Type"] = "application/json";
        }
        if (method === "POST" && token !== null && path !== "/logout") {
            headers["Operation-Id"] = this.#options.newId();
        }
        let response: Response;
        let content: string;
        try {
            response = await this.#options.fetch(`${this.#options.base}/api/v1${path}`, {
                method,
                headers,
                // Without the session's cookie: two windows of one browser may belong to two agents.
                credentials: "omit",
                signal: AbortSignal.timeout(this.#options.timeout ?? defaultTimeout),
                ...(body === undefined ? {} : { body: JSON.stringify(body) }),
            });
            content = await response.text();
        } catch (error) {
            throw new RestError("unreachable", 0, error instanceof Error ? error.message : "no connection");
        }
        const answer = parse(content);
        if (!response.ok) {
            const problem = object(answer);
            const retryAfter = number(Number(response.headers.get("Retry-After") ?? 0));
            throw new RestError(text(problem["code"]) || `http_${response.status}`, response.status,
                text(problem["detail"]) || response.statusText, retryAfter);
        }
        return answer;
    }
}
