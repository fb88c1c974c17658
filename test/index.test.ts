import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import * as library from '../src/index.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const index = path.join(root, 'src/index.ts');

/** The statements of a source file. */
function parse(file: string) {
  return ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.Latest, true);
}

/** Every name that the index exports, with the file that declares it. */
function exportedNames(): readonly (readonly [name: string, file: string])[] {
  return parse(index).statements.flatMap((statement) => {
    if (!ts.isExportDeclaration(statement) || !statement.moduleSpecifier) return [];
    const from = (statement.moduleSpecifier as ts.StringLiteral).text;
    const names = (statement.exportClause as ts.NamedExports).elements;
    return names.map(({ name }) => [name.text, path.join(root, 'src', from)] as const);
  });
}

/** Whether the declaration of `name` begins with a docstring. */
function isDocumented(name: string, file: string): boolean {
  const declaration = parse(file).statements.find((statement) => {
    const named = ts.isVariableStatement(statement)
      ? statement.declarationList.declarations[0]
      : (statement as ts.DeclarationStatement);
    return named?.name !== undefined && (named.name as ts.Identifier).text === name;
  });
  return declaration !== undefined && ts.getJSDocCommentsAndTags(declaration).length > 0;
}

describe('the library', () => {
  it('has what every command does', () => {
    const uses = {
      train: ['train', 'resolveConfig', 'parseConfig', 'recipes'],
      eval: ['evaluateRun', 'confusionCsv', 'confusionSvg'],
      predict: ['predictFiles', 'loadModel', 'decodeImageFile'],
      serve: ['serveModel'],
      describe: ['namedNetwork', 'describeNetwork', 'descriptionText', 'countCost'],
      data: ['openDataset', 'datasetRequest', 'checkDataset'],
      doctor: [
        'chooseKernels',
        'nativeKernelSets',
        'wasmKernelSets',
        'chooseDecoder',
        'usualDataFolders',
      ],
    };
    for (const name of Object.values(uses).flat()) expect(library).toHaveProperty(name);
  });

  it('says what each export is', () => {
    const silent = exportedNames().filter(([name, file]) => !isDocumented(name, file));
    expect(silent.map(([name]) => name)).toEqual([]);
  });

  it('is found by its name, with its types', () => {
    const packageFile = path.join(root, 'package.json');
    const { exports: entries, bin } = JSON.parse(readFileSync(packageFile, 'utf8'));
    expect(createRequire(index).resolve('igcnet')).toBe(path.join(root, 'dist/index.js'));
    for (const file of [...Object.values(entries['.']), bin.igc] as string[]) {
      expect(existsSync(path.join(root, file)), file).toBe(true);
    }
    expect(Object.keys(entries['.'])[0]).toBe('types'); // conditions are tried in order
  });
});
