import type { Team } from '../../src/team/team.ts';

export interface ThreadTeamMemory {
  readonly barrier: SharedArrayBuffer;
  readonly room: SharedArrayBuffer;
  readonly bytes: number;
}
export function threadTeamMemory(ranks: number, bytes: number): ThreadTeamMemory;
export function threadTeam(memory: ThreadTeamMemory, rank: number, ranks: number): Team;
