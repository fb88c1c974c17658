/** Submits what is left of an experiment: a job array with one task a run, and a job after it that writes the report. */
import path from 'node:path';
import { makeFolder, replaceFile } from '../core/durable-files.ts';
import { complain, dataError, IgcError } from '../core/errors.ts';
import {
  addToExperiment,
  readExperiment,
  withExperimentLock,
} from '../experiment/experiment-folder.ts';
import { checkData, isLeft } from '../experiment/run-experiment.ts';
import { type RunPlan, uniqueRuns } from '../experiment/run-plan.ts';
import { addJob, readJobs } from './job-list.ts';
import {
  arrayScript,
  type JobPlaces,
  type JobSettings,
  jobFolder,
  reportScript,
} from './job-scripts.ts';
import { isLive, readJobStates, statesByRun } from './job-states.ts';
import { callSlurm } from './slurm-command.ts';

/** What is submitted, or would be. */
export interface Submission {
  /** Of the runs that get a task, in the experiment's list. */
  readonly indices: readonly number[];
  /** Runs that are done, and those that tasks of before will do. */
  readonly done: number;
  readonly queued: number;
  /** Runs that were left out, since somebody has cancelled their tasks. */
  readonly cancelled: number;
  readonly scripts: { readonly array: string; readonly report: string };
  /** Slurm's numbers; undefined where nothing was submitted. */
  readonly jobs?: { readonly array: number; readonly report: number };
}

/** What to submit, and how. */
export interface SubmitRequest {
  readonly places: JobPlaces;
  readonly settings: JobSettings;
  /** Runs that are added to the experiment before. */
  readonly plan?: RunPlan | undefined;
  /** Writes and submits nothing. */
  readonly dryRun?: boolean | undefined;
  /** Runs whose tasks somebody has cancelled are left out. */
  readonly keepCancelled?: boolean | undefined;
}

/**
 * Writes the scripts into the experiment's folder and submits them; with nothing left to do, does neither.
 *
 * Throws a data error where there is no experiment or data are missing, and a failure with what Slurm says when it refuses.
 */
export async function submitExperiment(request: SubmitRequest): Promise<Submission> {
  const { places, settings, dryRun } = request;
  const { folder } = places;
  if (dryRun) return planJobs(request, wholePlan(request), false);
  await callSlurm('sbatch', ['--version']); // before anything is written
  const known = wholePlan(request);
  await checkData(leftOf(folder, known).map((index) => known.runs[index]!));
  return withExperimentLock(folder, async () => {
    const { plan: added } = request;
    const plan = added === undefined ? wholePlan(request) : addToExperiment(folder, added);
    const submission = await planJobs(request, plan, true);
    if (submission.indices.length === 0) return submission;
    const { indices, scripts } = submission;
    const own = jobFolder(folder);
    makeFolder(path.join(own, 'logs'));
    const [arrayFile, reportFile] = [
      path.join(own, 'array.sbatch'),
      path.join(own, 'report.sbatch'),
    ];
    replaceFile(arrayFile, scripts.array);
    replaceFile(reportFile, scripts.report);
    const array = await submitScript([arrayFile]);
    const submitted = new Date().toISOString();
    addJob(folder, { kind: 'array', id: array, indices: [...indices], submitted });
    const after = `--dependency=afterany:${array}`;
    const report = await submitScript([after, reportFile, `${settings.retries}`]);
    addJob(folder, { kind: 'report', id: report, indices: [], submitted });
    return { ...submission, jobs: { array, report } };
  });
}

function wholePlan({ places: { folder }, plan }: SubmitRequest): RunPlan {
  const before = readExperiment(folder);
  if (plan !== undefined)
    return { ...plan, runs: uniqueRuns([...(before?.runs ?? []), ...plan.runs]) };
  if (before !== undefined) return before;
  throw dataError({ path: folder, rule: 'must be the folder of an experiment' });
}

async function planJobs(
  { places, settings, keepCancelled = false }: SubmitRequest,
  plan: RunPlan,
  askSlurm: boolean,
): Promise<Submission> {
  const { folder } = places;
  const { runs } = plan;
  const left = leftOf(folder, plan);
  const jobs = askSlurm ? readJobs(folder) : [];
  const states = statesByRun(jobs, await readJobStates(jobs));
  const isQueued = (index: number) => states.has(index) && isLive(states.get(index)!);
  const isCancelled = (index: number) => keepCancelled && states.get(index)?.state === 'CANCELLED';
  const indices = left.filter((index) => !isQueued(index) && !isCancelled(index));
  const cpus = Math.max(1, ...indices.map((index) => runs[index]!.config.threads));
  return {
    indices,
    done: runs.length - left.length,
    queued: left.filter(isQueued).length,
    cancelled: left.filter(isCancelled).length,
    scripts: {
      array: arrayScript(places, settings, { indices, cpus }),
      report: reportScript(places, settings),
    },
  };
}

/** The runs that are to be done, by their indices. */
function leftOf(folder: string, plan: RunPlan): readonly number[] {
  return [...plan.runs.keys()].filter((index) => isLeft(folder, plan.runs[index]!, plan));
}

async function submitScript(args: readonly string[]): Promise<number> {
  const said = await callSlurm('sbatch', ['--parsable', ...args]);
  const id = Number.parseInt(said, 10);
  if (id > 0) return id;
  const got = JSON.stringify(said);
  throw new IgcError(
    'failure',
    complain({ path: 'sbatch', rule: 'must say the number of the job', got }),
  );
}
