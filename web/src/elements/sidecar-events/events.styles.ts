import { css } from "lit";

export const styles = css`
    :host { display: flex; flex-direction: column; min-height: 0; }
    .head { display: flex; justify-content: space-between; align-items: center; margin-bottom: 6px; }
    .head button { min-height: 32px; }
    .list { overflow: auto; min-height: 0; max-height: var(--sidecar-events-height, 340px); }
    li { display: grid; grid-template-columns: auto 1fr auto; gap: 0 10px; padding: 6px 2px; border-top: 1px solid var(--sidecar-line); font-size: 0.87rem; }
    li:first-child { border-top: 0; }
    time { color: var(--sidecar-quiet); font-variant-numeric: tabular-nums; }
    .name { font-weight: 600; }
    .dn { color: var(--sidecar-quiet); }
    .detail { grid-column: 2 / 4; color: var(--sidecar-quiet); overflow-wrap: anywhere; }
    .snapshot .name { font-weight: 400; font-style: italic; }
    .error .name { color: var(--sidecar-bad); }
`;
