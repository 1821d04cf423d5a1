// The address families of the machine. Another is entered here; the calls and SOL_SOCKET know none of them by name.

import { AF } from '../../abi/socket.ts';
import type { Family } from './types.ts';
import { unixFamily } from './unix/socket.ts';

const FAMILIES: ReadonlyMap<number, Family> = new Map([[AF.AF_UNIX, unixFamily]]);

export const familyAt = (number: number): Family | undefined => FAMILIES.get(number);
