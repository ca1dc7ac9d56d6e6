import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { IceWatch } from "./ice_watch.ts";

class FakeConnection extends EventTarget {
    iceConnectionState: RTCIceConnectionState = "new";

    become(state: RTCIceConnectionState): void {
        this.iceConnectionState = state;
        this.dispatchEvent(new Event("iceconnectionstatechange"));
    }
}

function rig() {
    const connection = new FakeConnection();
    const told: string[] = [];
    const watch = new IceWatch(connection as unknown as RTCPeerConnection, { onLost: () => told.push("lost"), onGivenUp: () => told.push("given up") });
    return { connection, told, watch };
}

beforeEach(() => {
    vi.useFakeTimers();
});

afterEach(() => {
    vi.useRealTimers();
});

it("waits for two seconds, and is quiet when the sound comes back by itself", () => {
    const { connection, told } = rig();
    connection.become("checking");
    connection.become("connected");
    connection.become("disconnected");
    vi.advanceTimersByTime(1999);
    connection.become("connected");
    vi.advanceTimersByTime(60_000);
    expect(told).toEqual([]);
    connection.become("disconnected");
    vi.advanceTimersByTime(2000);
    expect(told).toEqual(["lost"]);
});

it("says so again while it lasts, and gives up in the end", () => {
    const { connection, told } = rig();
    connection.become("connected");
    connection.become("disconnected");
    vi.advanceTimersByTime(1000);
    connection.become("failed");
    connection.become("checking");
    vi.advanceTimersByTime(9000);
    expect(told).toEqual(["lost", "lost"]);
    vi.advanceTimersByTime(600_000);
    expect([told.filter((word) => word === "lost").length, told.at(-1)]).toEqual([5, "given up"]);
});

it("leaves a connection that never was to others", () => {
    const { connection, told, watch } = rig();
    connection.become("failed");
    vi.advanceTimersByTime(60_000);
    expect([told, watch.wasUp]).toEqual([[], false]);
    connection.become("completed");
    connection.become("failed");
    watch.stop();
    vi.advanceTimersByTime(60_000);
    expect([told, watch.wasUp]).toEqual([[], true]);
});
