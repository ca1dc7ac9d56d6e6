import { css } from "lit";

export const styles = css`
    .card { display: grid; gap: 10px; border-left: 5px solid var(--sidecar-edge); }
    .card.incoming { border-left-color: var(--sidecar-warn); }
    .card.talking { border-left-color: var(--sidecar-good); }
    .head { display: grid; grid-template-columns: 1fr auto; gap: 2px 12px; align-items: baseline; }
    h3 { font-size: 1.25rem; font-weight: 650; overflow-wrap: anywhere; }
    time { font-variant-numeric: tabular-nums; font-size: 1.05rem; justify-self: end; }
    .head .quiet:last-child { justify-self: end; }
    dl { display: grid; grid-template-columns: auto 1fr; gap: 2px 12px; margin: 0; font-size: 0.87rem; }
    dt { color: var(--sidecar-quiet); }
    dd { margin: 0; overflow-wrap: anywhere; }
    .warn { color: var(--sidecar-warn); font-size: 0.87rem; }
    .actions { display: flex; flex-wrap: wrap; gap: 8px; }
    .actions button { flex: 1 1 104px; padding: 0 8px; }
    .pad { display: grid; grid-template-columns: repeat(6, 1fr); gap: 6px; }
    .pad button { padding: 0; }
    form { display: grid; grid-template-columns: 1fr auto auto; gap: 8px; align-items: end; }
`;
