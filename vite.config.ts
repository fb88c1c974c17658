/**
 * The page of `igc ui` and of static sites: src/web/ into dist/page/. What it shows of networks and runs it asks for beside
 * itself (api/, models/), so that the same files serve both.
 */
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';
import solid from 'vite-plugin-solid';

/** Kernels under their own names, so that igc ui sends the package's and not copies of them. */
const assetFileNames = ({ names }: { readonly names: readonly string[] }) =>
  names[0]?.endsWith('.wasm') ? 'wasm/[name][extname]' : 'assets/[name]-[hash][extname]';

export default defineConfig({
  root: fileURLToPath(new URL('src/web', import.meta.url)),
  base: './',
  plugins: [solid()],
  worker: { format: 'es', rollupOptions: { output: { assetFileNames } } },
  build: {
    outDir: fileURLToPath(new URL('dist/page', import.meta.url)),
    emptyOutDir: true,
    target: 'es2023',
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rollupOptions: { output: { assetFileNames } },
  },
});
