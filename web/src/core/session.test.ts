import { describe, expect, it } from "vitest";
import { RestError } from "./rest.ts";
import { Session } from "./session.ts";
import { FakeClock, FakeStorage, identity, settle } from "./testing.ts";

function rig(login: (user: string, password: string) => Promise<ReturnType<typeof identity>> = () => Promise.resolve(identity())) {
    const clock = new FakeClock();
    const windowStorage = new FakeStorage();
    const storage = new FakeStorage();
    const ended: string[] = [];
    const ports = {
        rest: {
            login,
            logout: (token: string) => {
                ended.push(token);
                return Promise.reject(new RestError("unreachable", 0, ""));
            },
        },
        windowStorage, storage, clock,
    };
    const session = new Session(ports);
    const states: string[] = [];
    const dns: string[] = [];
    session.on("state", ({ state }) => states.push(state));
    session.on("dn", (dn) => dns.push(dn));
    return { session, states, dns, clock, windowStorage, storage, ended, ports };
}

describe("Session", () => {
    it("logs in with the first DN", async () => {
        const { session, states, dns } = rig();
        await session.logIn("anna", "secret");
        expect(states).toEqual(["entering", "in"]);
        expect(dns).toEqual(["5001"]);
        expect(session.identity?.token).toBe("t-1");
    });

    it("says why a login was refused, and takes the next try", async () => {
        let tries = 0;
        const { session, states } = rig(() => {
            tries += 1;
            return tries === 1 ? Promise.reject(new RestError("too_many_failures", 429, "slow down", 30)) : Promise.resolve(identity());
        });
        await session.logIn("anna", "wrong");
        expect(session.failure).toEqual({ code: "too_many_failures", detail: "slow down", retryAfter: 30 });
        expect(states).toEqual(["entering", "out"]);
        await session.logIn("anna", "secret");
        expect(session.failure).toBeNull();
        expect(session.state).toBe("in");
    });

    it("asks once when the form is sent twice", async () => {
        let tries = 0;
        const { session } = rig(() => {
            tries += 1;
            return Promise.resolve(identity());
        });
        await Promise.all([session.logIn("anna", "secret"), session.logIn("anna", "secret")]);
        expect(tries).toBe(1);
    });

    it("remembers the DN of each user", async () => {
        const { session, dns, storage, ports } = rig();
        await session.logIn("anna", "secret");
        session.chooseDn("5002");
        session.chooseDn("9999"); // not anna's
        expect(dns).toEqual(["5001", "5002"]);
        const later = new Session(ports);
        later.restore();
        expect(later.dn).toBe("5002");
        expect([...storage.kept.keys()]).toEqual(["sidecar.dn.anna"]);
    });

    it("goes on after a reload, but not with an expired token", async () => {
        const { session, ports, clock } = rig();
        await session.logIn("anna", "secret");
        const reloaded = new Session(ports);
        reloaded.restore();
        expect(reloaded.identity?.user).toBe("anna");
        await clock.pass(13 * 3_600_000);
        const late = new Session(ports);
        late.restore();
        expect(late.state).toBe("out");
    });

    it("ends when the token does", async () => {
        const { session, clock } = rig();
        await session.logIn("anna", "secret");
        await clock.pass(12 * 3_600_000 - 1);
        expect(session.state).toBe("in");
        await clock.pass(1);
        expect(session.state).toBe("out");
        expect(session.failure?.code).toBe("expired");
    });

    it("waits for a far expiry in steps that timers can take", async () => {
        const { session, clock } = rig(() => Promise.resolve(identity({ expiresAt: Date.parse("2027-11-20T21:00:00Z") })));
        await session.logIn("anna", "secret");
        await clock.pass(300 * 86_400_000);
        expect(session.state).toBe("in");
        await clock.pass(66 * 86_400_000);
        expect(session.state).toBe("out");
    });

    it("is out at once when the server can't be reached, and forgets the token", async () => {
        const { session, windowStorage, dns, ended, clock } = rig();
        await session.logIn("anna", "secret");
        const done = session.logOut();
        expect(session.state).toBe("out");
        await done;
        await settle();
        expect(ended).toEqual(["t-1"]);
        expect(windowStorage.kept.size).toBe(0);
        expect(dns).toEqual(["5001", ""]);
        expect(session.failure).toBeNull();
        expect(clock.waiting).toBe(0);
    });

    it("takes nothing but an identity from the storage", () => {
        const { session, windowStorage } = rig();
        for (const kept of ["", "{", "null", "[]", '{"token":5}', '{"token":"t","expiresAt":"soon"}']) {
            windowStorage.write("sidecar.identity", kept);
            session.restore();
            expect(session.state, kept).toBe("out");
        }
    });
});
