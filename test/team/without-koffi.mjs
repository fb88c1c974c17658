/** For `node --import`: as if koffi were not installed, in the threads too. */
import { register } from 'node:module';

const resolve = `export async function resolve(name, context, next) {
  if (name === 'koffi') throw new Error("Cannot find package 'koffi'");
  return next(name, context);
}`;
register(`data:text/javascript,${encodeURIComponent(resolve)}`);
