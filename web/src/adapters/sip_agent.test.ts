import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { Credential, SipLeg } from "../core/phone_ports.ts";
import { JsSipAgent } from "./sip_agent.ts";

/** Stands in for the browser's WebSocket, with the server's end in the test's hands. */
class FakeSocket {
    static last: FakeSocket | null = null;
    readonly sent: string[] = [];
    readonly url: string;
    readonly protocol: string;
    readyState = 0;
    binaryType = "";
    onopen: (() => void) | null = null;
    onclose: ((event: { wasClean: boolean; code: number; reason: string }) => void) | null = null;
    onmessage: ((event: { data: string }) => void) | null = null;
    onerror: (() => void) | null = null;
    static readonly OPEN = 1;
    static readonly CONNECTING = 0;
    readonly OPEN = 1;
    readonly CONNECTING = 0;

    constructor(url: string, protocol: string) {
        this.url = url;
        this.protocol = protocol;
        FakeSocket.last = this;
    }

    open(): void {
        this.readyState = 1;
        this.onopen?.();
    }

    send(data: string): void {
        this.sent.push(data);
    }

    close(): void {
        this.readyState = 3;
    }

    /** Answers the last request. */
    answer(status: string, ...headers: string[]): void {
        const request = (this.sent.at(-1) ?? "").split("\r\n");
        const repeated = request.filter((line) => /^(via|from|call-id|cseq|contact):/i.test(line));
        const to = request.find((line) => /^to:/i.test(line)) ?? "";
        this.onmessage?.({ data: [`SIP/2.0 ${status}`, ...repeated, `${to};tag=x`, ...headers, "Content-Length: 0", "", ""].join("\r\n") });
    }
}

const original = globalThis.WebSocket;

beforeEach(() => {
    globalThis.WebSocket = FakeSocket as unknown as typeof WebSocket;
});

afterEach(() => {
    globalThis.WebSocket = original;
});

function start(credential: Credential) {
    const agent = new JsSipAgent({
        url: "ws://127.0.0.1", host: "127.0.0.1", page: "00112233445566778899aabbccddeeff", iceServers: () => [], codecs: () => [],
        play: () => () => undefined,
    });
    const told: string[] = [];
    const legs: SipLeg[] = [];
    agent.start({ dn: "5001", displayName: "Anna", credential, path: "/ws", registerExpires: 300 }, {
        onConnected: () => told.push("connected"),
        onDisconnected: () => told.push("disconnected"),
        onRegistered: () => told.push("registered"),
        onRegisterFailed: (status) => told.push(`failed ${status}`),
        onIncoming: (leg) => {
            legs.push(leg);
            told.push(`incoming ${leg.number}`);
        },
    });
    const socket = FakeSocket.last;
    if (socket === null) {
        throw new Error("no socket was made");
    }
    socket.open();
    return { agent, told, legs, socket, register: () => socket.sent.at(-1) ?? "" };
}

it("registers with the token as RFC 8898 wants it", () => {
    const { agent, told, socket, register } = start({ bearer: "t-1" });
    expect(socket.protocol).toBe("sip");
    expect(socket.url, "tokens are in no address").toBe("ws://127.0.0.1/ws");
    expect(register()).toMatch(/^REGISTER sip:127\.0\.0\.1 SIP\/2\.0\r\n/);
    expect(register()).toMatch(/\r\nAuthorization: Bearer t-1\r\n/);
    expect(register()).toMatch(/\r\nX-Sidecar-Page: 00112233445566778899aabbccddeeff\r\n/);
    expect(register()).toMatch(/\r\nTo: <sip:5001@127\.0\.0\.1>\r\n/);
    socket.answer("200 OK", "Expires: 300");
    expect(told).toEqual(["connected", "registered"]);
    agent.stop();
    expect(register(), "it leaves for good").toMatch(/\r\nExpires: 0\r\n/);
    socket.answer("200 OK");
    expect(told, "and says no more").toEqual(["connected", "registered"]);
});

it("tells why it was refused, and does not repeat a refused token", () => {
    const { agent, told, socket } = start({ bearer: "old" });
    socket.answer("401 Unauthorized", 'WWW-Authenticate: Bearer realm="sidecar", error="invalid_token"');
    expect(told).toEqual(["connected", "failed 401"]);
    expect(socket.sent).toHaveLength(1);
    agent.stop();
});

it("answers a challenge when it has a password", () => {
    const { agent, told, socket, register } = start({ password: "secret" });
    expect(register()).not.toMatch(/Authorization/);
    socket.answer("401 Unauthorized", 'WWW-Authenticate: Digest realm="sidecar", nonce="n", qop="auth", algorithm=MD5');
    expect(register()).toMatch(/\r\nAuthorization: Digest .*username="5001"/);
    socket.answer("200 OK", "Expires: 300");
    expect(told).toEqual(["connected", "registered"]);
    agent.stop();
});

it("brings nothing when the connection itself says who it is", () => {
    const { agent, register } = start(null);
    expect(register()).not.toMatch(/Authorization/);
    agent.stop();
});

/** A request of the server's to the page, whose contact is in what it sent last. */
function request(contact: string, method: string, cseq: number, ...headers: string[]): string {
    return [`${method} ${contact} SIP/2.0`, `Via: SIP/2.0/WS [100::1];branch=z9hG4bK${method}${cseq}`, "Max-Forwards: 70",
        "From: <sip:5002@127.0.0.1>;tag=f", "To: <sip:5001@127.0.0.1>", "Call-ID: c-7", `CSeq: ${cseq} ${method}`,
        "Contact: <sip:5002@[100::1]>", ...headers, "Content-Length: 0", "", ""].join("\r\n");
}

function contactOf(register: string): string {
    return /\r\nContact: <([^>]+)>/.exec(register)?.[1] ?? "";
}

it("tells a call that goes on from one that rings", () => {
    const { agent, told, legs, socket, register } = start({ bearer: "t-1" });
    const contact = contactOf(register());
    socket.answer("200 OK", "Expires: 300");
    socket.onmessage?.({ data: request(contact, "INVITE", 1, "Call-Info: <sip:resume@sidecar>;answer-after=0", "X-Sidecar-Resume: old", "X-Genesys-CallUUID: U") });
    socket.onmessage?.({ data: request(contact, "INVITE", 2, "X-Sidecar-Resume: old").replace("Call-ID: c-7", "Call-ID: c-8") });
    expect(told.slice(2)).toEqual(["incoming 5002", "incoming 5002"]);
    expect(legs.map(({ callId, callUuid, resumes }) => [callId, callUuid, resumes])).toEqual([["c-7", "U", "old"], ["c-8", "", ""]]);
    agent.stop();
});

it.each(["talk", "hold"])("lives with a NOTIFY of %s in a ringing call", (event) => {
    const { agent, legs, socket, register } = start({ bearer: "t-1" });
    const contact = contactOf(register());
    socket.answer("200 OK", "Expires: 300");
    socket.onmessage?.({ data: request(contact, "INVITE", 1) });
    const ends: unknown[] = [];
    legs[0]?.listen({ onProgress: () => 0, onConnected: () => 0, onHeldByOther: () => 0, onMediaLost: () => 0, onEnded: (end) => ends.push(end) });
    const tag = /\r\nTo: [^\r]*;tag=([^\r;]+)/.exec(socket.sent.at(-1) ?? "")?.[1] ?? "";
    socket.onmessage?.({ data: request(contact, "NOTIFY", 2, `Event: ${event}`, "Subscription-State: active").replace("5001@127.0.0.1>\r", `5001@127.0.0.1>;tag=${tag}\r`) });
    expect(socket.sent.at(-1)).toMatch(/^SIP\/2\.0 4\d\d /);
    expect(ends).toEqual([]);
    legs[0]?.reject();
    expect(socket.sent.at(-1)).toMatch(/^SIP\/2\.0 486 /);
    agent.stop();
});

it("stays connected without the DN, and comes back without it", async () => {
    vi.useFakeTimers();
    try {
        const { agent, told, socket, register } = start({ bearer: "t-1" });
        socket.answer("200 OK", "Expires: 300");
        agent.unregister();
        expect(register()).toMatch(/\r\nExpires: 0\r\n/);
        socket.answer("200 OK");
        agent.reconnect();
        await vi.advanceTimersByTimeAsync(3500);
        FakeSocket.last?.open();
        expect([FakeSocket.last?.sent, told.at(-1)]).toEqual([[], "connected"]);
        agent.register();
        expect(FakeSocket.last?.sent).toHaveLength(1);
        agent.stop();
    } finally {
        vi.useRealTimers();
    }
});

it("says that the DN is kept by another phone", () => {
    const { agent, told, socket } = start({ bearer: "t-1" });
    socket.answer("403 DN Is in Use at Another Phone");
    expect(told).toEqual(["connected", "failed 486"]);
    agent.stop();
});

it("connects anew when it is told to, or when nobody answers", async () => {
    vi.useFakeTimers();
    try {
        const { agent, told, socket } = start({ bearer: "t-1" });
        socket.answer("200 OK", "Expires: 300");
        agent.reconnect();
        agent.reconnect();
        expect(told.filter((word) => word === "disconnected")).toHaveLength(1);
        await vi.advanceTimersByTimeAsync(3500);
        const second = FakeSocket.last;
        expect(second).not.toBe(socket);
        await vi.advanceTimersByTimeAsync(10_000);
        expect(told.at(-1), "an attempt that leads nowhere ends").toBe("disconnected");
        await vi.advanceTimersByTimeAsync(6000);
        expect(FakeSocket.last).not.toBe(second);
        FakeSocket.last?.open();
        expect(told.at(-1)).toBe("connected");
        await vi.advanceTimersByTimeAsync(32_000);
        expect(told.slice(-2), "nobody answers the REGISTER").toEqual(["failed 0", "disconnected"]);
        agent.stop();
    } finally {
        vi.useRealTimers();
    }
});
