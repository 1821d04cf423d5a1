// Prints the decoder's tables, packed, in base64: the build puts them in place of src/ring3/decode/prebuilt.ts.

import { rows } from '../src/ring3/decode/table.ts';
import { compileTables, packTables } from '../src/ring3/decode/tables.ts';

process.stdout.write(Buffer.from(packTables(compileTables(rows))).toString('base64'));
