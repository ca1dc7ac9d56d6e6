import { css } from "lit";

export const styles = css`
    form { display: grid; grid-template-columns: 1fr auto; gap: 8px; }
    input { font-size: 1.1rem; font-variant-numeric: tabular-nums; min-height: 44px; }
    form button { min-height: 44px; }
    .pad { display: grid; grid-template-columns: repeat(3, 1fr); gap: 6px; margin-top: 10px; }
    .pad button { min-height: 44px; padding: 0; font-size: 1.1rem; }
    .hint { margin-top: 8px; }
`;
