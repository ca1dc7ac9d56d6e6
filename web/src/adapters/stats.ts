import type { LegStats } from "../core/phone_ports.ts";

/** Picks what is told of a leg's audio out of a browser's statistics. */
export function readStats(connection: RTCPeerConnectionState, report: RTCStatsReport): LegStats {
    let received = 0, sent = 0, lost = 0, jitter = 0, roundTrip = 0;
    report.forEach((entry: RTCStats & Record<string, unknown>) => {
        const value = (name: string): number => (typeof entry[name] === "number" ? entry[name] : 0);
        if (entry.type === "inbound-rtp" && entry["kind"] === "audio") {
            received += value("packetsReceived");
            lost += value("packetsLost");
            jitter = Math.max(jitter, value("jitter"));
        } else if (entry.type === "outbound-rtp" && entry["kind"] === "audio") {
            sent += value("packetsSent");
        } else if (entry.type === "candidate-pair" && entry["nominated"] === true) {
            roundTrip = value("currentRoundTripTime");
        }
    });
    return { connection, received, sent, lost, jitter, roundTrip };
}
