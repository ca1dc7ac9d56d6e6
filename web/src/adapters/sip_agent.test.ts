import { afterEach, beforeEach, expect, it } from "vitest";
import type { Credential } from "../core/phone_ports.ts";
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
    const agent = new JsSipAgent({ url: "ws://127.0.0.1/ws", host: "127.0.0.1", iceServers: () => [], play: () => () => undefined });
    const told: string[] = [];
    agent.start({ dn: "5001", displayName: "Anna", credential }, {
        onConnected: () => told.push("connected"),
        onDisconnected: () => told.push("disconnected"),
        onRegistered: () => told.push("registered"),
        onRegisterFailed: (status) => told.push(`failed ${status}`),
        onIncoming: () => told.push("incoming"),
    });
    const socket = FakeSocket.last;
    if (socket === null) {
        throw new Error("no socket was made");
    }
    socket.open();
    return { agent, told, socket, register: () => socket.sent.at(-1) ?? "" };
}

it("registers with the token as RFC 8898 wants it", () => {
    const { agent, told, socket, register } = start({ bearer: "t-1" });
    expect(socket.protocol).toBe("sip");
    expect(socket.url, "tokens are in no address").toBe("ws://127.0.0.1/ws");
    expect(register()).toMatch(/^REGISTER sip:127\.0\.0\.1 SIP\/2\.0\r\n/);
    expect(register()).toMatch(/\r\nAuthorization: Bearer t-1\r\n/);
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
