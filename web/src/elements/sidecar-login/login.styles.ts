import { css } from "lit";

export const styles = css`
    form { display: grid; gap: 14px; max-width: 360px; margin: 12vh auto 0; padding: 24px; }
    h1 { font-size: 1.3rem; }
    button { min-height: 44px; }
`;
