import { describe, expect, it } from "vitest";
import { Rest, type RestError } from "./rest.ts";

interface Request {
    readonly url: string;
    readonly init: RequestInit;
}

function rig(answer: () => Response | Promise<Response>) {
    const requests: Request[] = [];
    let ids = 0;
    const rest = new Rest({
        base: "https://pbx.example.com",
        fetch: (url, init) => {
            requests.push({ url, init });
            return Promise.resolve(answer());
        },
        newId: () => `op-${(ids += 1)}`,
    });
    return { rest, requests };
}

const json = (status: number, body: unknown, headers: Record<string, string> = {}): Response =>
    new Response(status === 204 ? null : JSON.stringify(body), { status, headers });

describe("Rest", () => {
    it("asks how phones connect, and takes what makes sense", async () => {
        const { rest, requests } = rig(() => json(200, {
            dns: [{ number: "5001", owner: "sidecar" }], ws: "/ws", iceServers: [{ urls: "stun:a" }, { urls: ["turn:b"], username: "u", credential: "c" }, {}],
            ttl: 600, registerExpires: 120, codecs: ["opus", 1],
        }));
        expect(await rest.phoneSettings("t")).toEqual({
            dns: [{ number: "5001", owner: "sidecar" }], path: "/ws", ttl: 600, registerExpires: 120, codecs: ["opus"],
            iceServers: [{ urls: ["stun:a"], username: "", credential: "" }, { urls: ["turn:b"], username: "u", credential: "c" }],
        });
        expect(requests[0]?.url).toBe("https://pbx.example.com/api/v1/phone");
        const odd = rig(() => json(200, { ws: "//evil.example.com", registerExpires: "x" }));
        expect(await odd.rest.phoneSettings("t")).toMatchObject({ dns: [], iceServers: [], ttl: 0, registerExpires: 300, codecs: [] });
    });

    it("logs in without a cookie", async () => {
        const { rest, requests } = rig(() => json(200, { token: "t", expiresAt: "2026-11-21T09:00:00.000Z", user: "anna", dns: ["5001", 7] }));
        const identity = await rest.login("anna", "secret");
        expect(identity).toEqual({ token: "t", expiresAt: Date.parse("2026-11-21T09:00:00Z"), user: "anna", displayName: "", role: "", dns: ["5001"] });
        expect(requests[0]?.url).toBe("https://pbx.example.com/api/v1/login");
        expect(requests[0]?.init).toMatchObject({ method: "POST", credentials: "omit", body: '{"user":"anna","password":"secret"}' });
    });

    it("sends the token, and an id with each command", async () => {
        const { rest, requests } = rig(() => json(201, { id: "C/1" }));
        expect(await rest.makeCall("t", "5001", "5002")).toBe("C/1");
        await rest.transfer("t", "C/1", "5001", "5003");
        await rest.hangup("t", "C/1");
        expect(requests.map(({ url }) => url.slice(30))).toEqual(["/calls", "/calls/C%2F1/transfer", "/calls/C%2F1/hangup"]);
        expect(requests.map(({ init }) => init.headers)).toMatchObject([
            { Authorization: "Bearer t", "Operation-Id": "op-1" }, { "Operation-Id": "op-2" }, { "Operation-Id": "op-3" },
        ]);
        expect(requests[1]?.init.body).toBe('{"to":"5003","dn":"5001"}');
    });

    it("reads the DNs", async () => {
        const { rest } = rig(() => json(200, { dns: [{ number: "5001", inService: true, owner: "sidecar", callerId: "Anna" }, null] }));
        expect(await rest.listDns("t")).toEqual([
            { number: "5001", inService: true, owner: "sidecar", callerId: "Anna" },
            { number: "", inService: false, owner: "", callerId: "" },
        ]);
    });

    it("takes an answer without content", async () => {
        await expect(rig(() => json(204, null)).rest.logout("t")).resolves.toBeUndefined();
    });

    it.each([
        ["a problem", () => json(401, { code: "bad_credentials", detail: "wrong" }), { code: "bad_credentials", status: 401, message: "wrong" }],
        ["a problem with patience", () => json(429, { code: "too_many_failures" }, { "Retry-After": "30" }), { retryAfter: 30 }],
        ["a proxy's page", () => new Response("<html>", { status: 502, statusText: "Bad Gateway" }), { code: "http_502", message: "Bad Gateway" }],
        ["no token", () => json(200, {}), { code: "bad_answer" }],
        ["no server", () => Promise.reject(new TypeError("Failed to fetch")), { code: "unreachable", status: 0 }],
    ])("makes one kind of error of %s", async (_, answer, want) => {
        const error = await rig(answer).rest.login("a", "b").catch((cause: unknown) => cause as RestError);
        expect(error).toMatchObject(want);
    });
});
