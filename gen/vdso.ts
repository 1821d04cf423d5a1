// Prints the image of the vDSO in base64: the build puts it in place of src/ring0/exec/vdso-image.ts.

import { buildVdso } from '../src/ring0/exec/vdso-image.ts';

process.stdout.write(Buffer.from(buildVdso()).toString('base64'));
