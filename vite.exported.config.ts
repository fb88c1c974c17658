/** The page of `igc export --format web`: src/web/exported/ as one file, dist/exported/index.html, for a network to be put in. */
import { fileURLToPath } from 'node:url';
import { defineConfig, type Plugin } from 'vite';
import solid from 'vite-plugin-solid';

const folder = (path: string) => fileURLToPath(new URL(path, import.meta.url));

export default defineConfig({
  root: folder('src/web/exported'),
  base: './',
  publicDir: false,
  plugins: [solid(), inOneFile()],
  build: {
    outDir: folder('dist/exported'),
    emptyOutDir: true,
    target: 'es2023',
    assetsInlineLimit: Number.MAX_SAFE_INTEGER,
    modulePreload: false,
  },
});

/** Puts scripts and styles into the page. */
function inOneFile(): Plugin {
  return {
    name: 'in-one-file',
    enforce: 'post',
    generateBundle(_, bundle) {
      const page = Object.values(bundle).find(({ fileName }) => fileName.endsWith('.html'));
      if (page?.type !== 'asset') throw new Error('there is no page');
      let html = String(page.source)
        .replaceAll(/<script type="module"[^>]*src="[^"]*"[^>]*><\/script>/g, '')
        .replaceAll(/<link rel="stylesheet"[^>]*>/g, '');
      for (const [name, file] of Object.entries(bundle)) {
        if (file === page) continue;
        const content = file.type === 'chunk' ? file.code : String(file.source);
        const inlined =
          file.type === 'chunk'
            ? `<script type="module">${content.replaceAll('</script', '<\\/script')}</script>`
            : `<style>${content}</style>`;
        // Scripts behind what they read; a function, since `$` in a text would mean something.
        const place = file.type === 'chunk' ? '</body>' : '</head>';
        html = html.replace(place, () => `${inlined}\n${place}`);
        delete bundle[name];
      }
      page.source = html;
    },
  };
}
