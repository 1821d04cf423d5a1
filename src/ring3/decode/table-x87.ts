// x87 escape opcodes D8..DF (Intel SDM volume 2, tables ). Opcodes that the manual leaves blank but
// processors execute as aliases of older ones are here with the alias' name.

import type { Section } from './row.ts';

const hex = (n: number): string => n.toString(16).toUpperCase().padStart(2, '0');

/** /0../7 of D8 and DC. */
const ARITHMETIC = ['ADD', 'MUL', 'COM', 'COMP', 'SUB', 'SUBR', 'DIV', 'DIVR'];

/** DC and DE swap the reversed forms, because their destination is ST(i). */
const REVERSED = ['ADD', 'MUL', 'COM', 'COMP', 'SUBR', 'SUB', 'DIVR', 'DIV'];

export const x87: readonly Section[] = [
  {
    feature: 'x87',
    rows: [
      ...ARITHMETIC.flatMap((name, i) => [
        `D8 /${i} F${name} Md`,
        `DC /${i} F${name} Mq`,
        `DA /${i} FI${name} Md`,
        `DE /${i} FI${name} Mw`,
        `D8 ${hex(0xc0 + 8 * i)}+i F${name} ST0,STi`,
      ]),
      ...REVERSED.map((name, i) =>
        i === 2 || i === 3
          ? `DC ${hex(0xc0 + 8 * i)}+i F${name} ST0,STi`
          : `DC ${hex(0xc0 + 8 * i)}+i F${name} STi,ST0`,
      ),
      ...REVERSED.flatMap((name, i) => {
        if (i === 2) return ['DE D0+i FCOMP ST0,STi'];
        if (i === 3) return ['DE D9 FCOMPP'];
        return [`DE ${hex(0xc0 + 8 * i)}+i F${name}P STi,ST0`];
      }),

      'D9 /0 FLD Md',
      'D9 /2 FST Md',
      'D9 /3 FSTP Md',
      'D9 /4 FLDENV M z',
      'D9 /5 FLDCW Mw',
      'D9 /6 FNSTENV M z',
      'D9 /7 FNSTCW Mw',
      'D9 C0+i FLD STi',
      'D9 C8+i FXCH ST0,STi',
      'D9 D0 FNOP',
      'D9 D8+i FSTPNCE STi -> fstp',
      'D9 E0 FCHS',
      'D9 E1 FABS',
      'D9 E4 FTST',
      'D9 E5 FXAM',
      'D9 E8 FLD1',
      'D9 E9 FLDL2T',
      'D9 EA FLDL2E',
      'D9 EB FLDPI',
      'D9 EC FLDLG2',
      'D9 ED FLDLN2',
      'D9 EE FLDZ',
      'D9 F0 F2XM1',
      'D9 F1 FYL2X',
      'D9 F2 FPTAN',
      'D9 F3 FPATAN',
      'D9 F4 FXTRACT',
      'D9 F5 FPREM1',
      'D9 F6 FDECSTP',
      'D9 F7 FINCSTP',
      'D9 F8 FPREM',
      'D9 F9 FYL2XP1',
      'D9 FA FSQRT',
      'D9 FB FSINCOS',
      'D9 FC FRNDINT',
      'D9 FD FSCALE',
      'D9 FE FSIN',
      'D9 FF FCOS',

      'DA E9 FUCOMPP',

      'DB /0 FILD Md',
      'DB /2 FIST Md',
      'DB /3 FISTP Md',
      'DB /5 FLD Mt',
      'DB /7 FSTP Mt',
      'DB E0 FNENI -> fwait',
      'DB E1 FNDISI -> fwait',
      'DB E2 FNCLEX',
      'DB E3 FNINIT',
      'DB E4 FNSETPM -> fwait',

      'DD /0 FLD Mq',
      'DD /2 FST Mq',
      'DD /3 FSTP Mq',
      'DD /4 FRSTOR M z',
      'DD /6 FNSAVE M z',
      'DD /7 FNSTSW Mw',
      'DD C0+i FFREE STi',
      'DD C8+i FXCH ST0,STi',
      'DD D0+i FST STi',
      'DD D8+i FSTP STi',
      'DD E0+i FUCOM ST0,STi',
      'DD E8+i FUCOMP ST0,STi',

      'DF /0 FILD Mw',
      'DF /2 FIST Mw',
      'DF /3 FISTP Mw',
      'DF /4 FBLD Mt',
      'DF /5 FILD Mq',
      'DF /6 FBSTP Mt',
      'DF /7 FISTP Mq',
      'DF C0+i FFREEP STi',
      'DF C8+i FXCH ST0,STi',
      'DF D0+i FSTP STi',
      'DF D8+i FSTP STi',
      'DF E0 FNSTSW AX',
    ],
  },
  {
    feature: 'cmov',
    rows: [
      'DA C0+i FCMOVB ST0,STi',
      'DA C8+i FCMOVE ST0,STi',
      'DA D0+i FCMOVBE ST0,STi',
      'DA D8+i FCMOVU ST0,STi',
      'DB C0+i FCMOVNB ST0,STi',
      'DB C8+i FCMOVNE ST0,STi',
      'DB D0+i FCMOVNBE ST0,STi',
      'DB D8+i FCMOVNU ST0,STi',
      'DB E8+i FUCOMI ST0,STi',
      'DB F0+i FCOMI ST0,STi',
      'DF E8+i FUCOMIP ST0,STi',
      'DF F0+i FCOMIP ST0,STi',
    ],
  },
  { feature: 'sse3', rows: ['DB /1 FISTTP Md', 'DD /1 FISTTP Mq', 'DF /1 FISTTP Mw'] },
];
