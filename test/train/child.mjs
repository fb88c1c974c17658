/** Trains or resumes in a process of its own, to be killed: node child.mjs new|resume FOLDER REQUEST. */
import { train } from '../../dist/index.js';

const [, , mode, folder, request] = process.argv;
const overrides = mode === 'new' ? JSON.parse(request) : {};
const options = mode === 'new' ? {} : { resume: folder };
for await (const event of train(overrides, { ...options, stepEventMs: 0 })) {
  if (event.kind === 'start') process.stdout.write('started\n');
}
process.stdout.write('done\n');
