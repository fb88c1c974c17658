/** Whether the slow tier runs (npm run test:slow): what the fast one samples is then tried at every point. */
export const isThorough = process.env.IGCNET_THOROUGH === '1';
