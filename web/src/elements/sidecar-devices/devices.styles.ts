import { css } from "lit";

export const styles = css`
    summary { cursor: pointer; min-height: 32px; display: flex; align-items: center; gap: 8px; }
    summary::before { content: "▸"; color: var(--sidecar-quiet); }
    details[open] summary::before { content: "▾"; }
    summary h2 { display: inline; }
    .list { display: grid; gap: 10px; margin-top: 8px; }
`;
