// What a run has measured: one figure per row, system and repetition; and what could not be measured, and why.

import type { Figures } from './load/job.ts';
import { median } from './statistics.ts';
import type { SystemName } from './systems/system.ts';

export interface Sample {
  system: SystemName;
  repetition: number;
  row: string;
  value: number;
}

export interface Failure {
  system: SystemName;
  repetition: number;
  what: string;
  reason: string;
}

export class Samples {
  readonly all: Sample[] = [];
  readonly failures: Failure[] = [];

  add(system: SystemName, repetition: number, figures: Figures): void {
    for (const [row, value] of Object.entries(figures)) this.all.push({ system, repetition, row, value });
  }

  /** All figures: by system, then row, the values in the order of the repetitions. */
  byRow(): Record<string, Record<string, number[]>> {
    const systems: Record<string, Record<string, number[]>> = {};
    for (const { system, row, value } of this.all) {
      systems[system] ??= {};
      systems[system][row] ??= [];
      systems[system][row].push(Number(value.toPrecision(6)));
    }
    return systems;
  }

  /** The median over the repetitions; null when there is none. */
  median(system: SystemName, row: string): number | null {
    const values = this.all.filter((one) => one.system === system && one.row === row).map((one) => one.value);
    return values.length === 0 ? null : median(values);
  }

  /** The lowest and the highest. */
  range(system: SystemName, row: string): readonly [number, number] | null {
    const values = this.all.filter((one) => one.system === system && one.row === row).map((one) => one.value);
    return values.length === 0 ? null : [Math.min(...values), Math.max(...values)];
  }

  /** The figure of the latest repetition. */
  last(system: SystemName, row: string): number | null {
    return this.all.findLast((one) => one.system === system && one.row === row)?.value ?? null;
  }

  /** The median over the repetitions of one row divided by another, both of the same repetition. */
  ratioOfRows(system: SystemName, row: string, to: string): number | null {
    const ratios = this.all.flatMap((one) => {
      if (one.system !== system || one.row !== row) return [];
      const other = this.all.find((s) => s.system === system && s.row === to && s.repetition === one.repetition);
      return other === undefined ? [] : [one.value / other.value];
    });
    return ratios.length === 0 ? null : median(ratios);
  }

  /** The median of the ratios within each repetition, where both were measured right after one another. */
  ratio(system: SystemName, to: SystemName, row: string): number | null {
    const ratios: number[] = [];
    for (const one of this.all) {
      if (one.system !== system || one.row !== row) continue;
      const other = this.all.find((s) => s.system === to && s.row === row && s.repetition === one.repetition);
      if (other !== undefined) ratios.push(one.value / other.value);
    }
    return ratios.length === 0 ? null : median(ratios);
  }
}
