import { expect, it } from "vitest";
import { type LegInput, type LegState, next } from "./leg_state.ts";

const states: LegState[] = ["incoming", "answering", "dialing", "ringing", "talking", "held", "ended"];
const inputs: LegInput[] = ["progress", "answer", "withdrawn", "connected", "held", "retrieved", "ended"];

// Rows: states; columns: inputs; "." is a move that does not exist.
const matrix = `
            progress  answer     withdrawn  connected  held  retrieved  ended
incoming    .         answering  .          .          .     .          ended
answering   .         .          incoming   talking    .     .          ended
dialing     ringing   .          .          talking    .     .          ended
ringing     ringing   .          .          talking    .     .          ended
talking     .         .          .          .          held  .          ended
held        .         .          .          .          .     talking    ended
ended       .         .          .          .          .     .          .
`;

it("moves as the drawing says, and not otherwise", () => {
    const [head, ...rows] = matrix.trim().split("\n").map((line) => line.trim().split(/\s+/));
    expect(head).toEqual(inputs);
    expect(rows.map((row) => row[0])).toEqual(states);
    for (const [from, ...cells] of rows) {
        inputs.forEach((input, i) => {
            expect(next(from as LegState, input) ?? ".", `${String(from)} + ${input}`).toBe(cells[i]);
        });
    }
});
