/** slurm/jobs.json in an experiment's folder: the jobs that were submitted for it, the newest last. */
import { existsSync } from 'node:fs';
import path from 'node:path';
import * as v from 'valibot';
import { replaceFile } from '../core/durable-files.ts';
import { jsonText, readJsonFile } from '../core/json-file.ts';
import { jobFolder } from './job-scripts.ts';

const natural = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const jobSchema = v.object({
  kind: v.picklist(['array', 'report']),
  /** Slurm's number. */
  id: natural,
  /** The runs of an array's tasks. */
  indices: v.array(natural),
  /** ISO 8601. */
  submitted: v.string(),
});
const listSchema = v.object({ formatVersion: v.literal(1), jobs: v.array(jobSchema) });

/** A job that was submitted for an experiment. */
export type SubmittedJob = v.InferOutput<typeof jobSchema>;

/** None where nothing was submitted. Throws a data error for a damaged list. */
export function readJobs(folder: string): readonly SubmittedJob[] {
  const file = jobsFile(folder);
  return existsSync(file) ? readJsonFile(file, listSchema, 'must list jobs').jobs : [];
}

/** Only under the experiment's lock. */
export function addJob(folder: string, job: SubmittedJob): void {
  const jobs = [...readJobs(folder), job];
  replaceFile(jobsFile(folder), jsonText({ formatVersion: 1, jobs }));
}

function jobsFile(folder: string): string {
  return path.join(jobFolder(folder), 'jobs.json');
}
