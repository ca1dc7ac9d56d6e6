import { css } from "lit";

/** What every element of ours looks like; the colours are the page's custom properties. */
export const shared = css`
    *, *::before, *::after { box-sizing: border-box; }
    :host { display: block; color: var(--sidecar-text); font: 15px/1.45 var(--sidecar-font); }
    :host([hidden]), [hidden] { display: none !important; }
    h1, h2, h3, p, ul, ol { margin: 0; padding: 0; }
    ul, ol { list-style: none; }
    h2 { font-size: 0.8rem; font-weight: 600; letter-spacing: 0.04em; text-transform: uppercase; color: var(--sidecar-quiet); }
    button, input, select { font: inherit; color: inherit; }
    button {
        min-height: 40px; padding: 0 14px; border: 1px solid var(--sidecar-line); border-radius: 10px; background: var(--sidecar-surface);
        cursor: pointer; white-space: nowrap;
    }
    button:hover:not(:disabled) { background: var(--sidecar-sunken); }
    button:disabled { opacity: 0.5; cursor: default; }
    button.primary { border-color: transparent; background: var(--sidecar-accent); color: var(--sidecar-on-accent); font-weight: 600; }
    button.danger { border-color: transparent; background: var(--sidecar-bad); color: var(--sidecar-on-bad); font-weight: 600; }
    button.primary:hover:not(:disabled), button.danger:hover:not(:disabled) { filter: brightness(1.08); }
    button.primary:hover:not(:disabled) { background: var(--sidecar-accent); }
    button.danger:hover:not(:disabled) { background: var(--sidecar-bad); }
    button[aria-pressed="true"] { background: var(--sidecar-sunken); border-color: var(--sidecar-edge); font-weight: 600; }
    input, select {
        width: 100%; min-height: 40px; padding: 0 12px; border: 1px solid var(--sidecar-edge); border-radius: 10px;
        background: var(--sidecar-surface);
    }
    :focus-visible { outline: 3px solid color-mix(in srgb, var(--sidecar-accent) 60%, transparent); outline-offset: 1px; }
    .card { padding: 14px; border: 1px solid var(--sidecar-line); border-radius: 14px; background: var(--sidecar-surface); }
    .row { display: flex; flex-wrap: wrap; gap: 8px; align-items: center; }
    .quiet { color: var(--sidecar-quiet); font-size: 0.87rem; }
    .bad { color: var(--sidecar-bad); }
    .label { display: block; margin-bottom: 4px; font-size: 0.87rem; color: var(--sidecar-quiet); }
`;
