/** What the processes that run tests are started with: relaxed SIMD, which Node 20 has behind a flag. */
const [major] = process.versions.node.split('.').map(Number);

export const execArgv = major === 20 ? ['--experimental-wasm-relaxed-simd'] : [];
