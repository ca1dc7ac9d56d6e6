import { css } from "lit";

export const styles = css`
    ul { display: flex; flex-wrap: wrap; gap: 4px; }
    li {
        display: inline-flex; align-items: center; gap: 5px; padding: 3px 8px; border: 1px solid var(--sidecar-line); border-radius: 999px;
        background: var(--sidecar-surface); font-size: 0.8rem;
    }
    .dot { width: 9px; height: 9px; border-radius: 50%; border: 2px solid var(--sidecar-quiet); }
    .good .dot { border-color: var(--sidecar-good); background: var(--sidecar-good); }
    .warn .dot { border-color: var(--sidecar-warn); background: linear-gradient(90deg, var(--sidecar-warn) 50%, transparent 50%); }
    .bad .dot { border-color: var(--sidecar-bad); background: var(--sidecar-bad); border-radius: 2px; }
    .state { color: var(--sidecar-quiet); }
    li.bad { color: inherit; }
`;
