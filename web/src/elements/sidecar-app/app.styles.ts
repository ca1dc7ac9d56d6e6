import { css } from "lit";

export const styles = css`
    :host { min-height: 100vh; }
    header { display: grid; grid-template-columns: minmax(0, 1fr); gap: 8px; padding: 10px 14px; background: var(--sidecar-surface); border-bottom: 1px solid var(--sidecar-line); }
    .bar { display: flex; align-items: center; gap: 10px; }
    .brand { margin: 0; font-weight: 700; font-size: 1.05rem; }
    .who { margin-left: auto; min-width: 0; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
    .bar button { min-height: 34px; }
    .dn { display: flex; align-items: center; gap: 8px; }
    .dn select { width: auto; min-height: 34px; font-weight: 600; }
    main { display: grid; gap: 14px; padding: 14px; max-width: 1160px; margin: 0 auto; grid-template-columns: minmax(0, 1fr); }
    main.login { display: block; }
    .phone, .calls { display: grid; gap: 12px; align-content: start; min-width: 0; }
    .none { padding: 18px 14px; text-align: center; }
    .message { display: flex; gap: 10px; align-items: center; justify-content: space-between; }
    .notice { padding: 8px 12px; border: 1px solid var(--sidecar-bad); border-radius: 10px; background: var(--sidecar-surface); }
    .notice.mild { border-color: var(--sidecar-warn); }
    .hidden { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
    .alerts { display: contents; }
    @media (max-width: 859px) {
        .dn span { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
    }
    @media (min-width: 860px) {
        header { display: flex; align-items: center; gap: 18px; padding: 10px 22px; }
        header .bar { display: contents; }
        header sidecar-lights { order: 1; }
        header .who, header .bar button { order: 2; }
        main { grid-template-columns: 380px minmax(0, 1fr); padding: 22px; gap: 22px; }
        sidecar-events { --sidecar-events-height: calc(100vh - 220px); }
    }
`;
