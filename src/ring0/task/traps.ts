// Exceptions of the processor as signals: numbers, codes and addresses as arch/x86/kernel/traps.c gives them.

import { BUS, FPE, ILL, SI, SIG, TRAP } from '../../abi/signal.ts';
import type { Cpu } from '../../ring3/cpu.ts';
import { CPU, OFF, VECTOR } from '../../ring3/layout.ts';
import type { SigInfo } from './types.ts';

/** Code by the lowest unmasked bit of the x87 or SSE status: IE, DE or UE, ZE, OE, PE in the kernel's order. */
const fpeCode = (status: number): number => {
  if ((status & 0x01) !== 0) return FPE.FPE_FLTINV;
  if ((status & 0x04) !== 0) return FPE.FPE_FLTDIV;
  if ((status & 0x08) !== 0) return FPE.FPE_FLTOVF;
  if ((status & 0x12) !== 0) return FPE.FPE_FLTUND;
  if ((status & 0x20) !== 0) return FPE.FPE_FLTRES;
  return 0;
};

/** The signal for an exception other than a page fault. */
export const exceptionSignal = (cpu: Cpu, vector: number): SigInfo => {
  const { dv } = cpu.frames;
  const addr = cpu.rip;
  switch (vector) {
    case VECTOR.DE:
      return { signo: SIG.SIGFPE, errno: 0, code: FPE.FPE_INTDIV, addr };
    case VECTOR.DB:
      // INT1, or TF was set.
      return {
        signo: SIG.SIGTRAP,
        errno: 0,
        code: cpu.exception.stepped ? TRAP.TRAP_TRACE : TRAP.TRAP_BRKPT,
        addr,
      };
    case VECTOR.BP:
      return { signo: SIG.SIGTRAP, errno: 0, code: SI.SI_KERNEL };
    case VECTOR.UD:
      return { signo: SIG.SIGILL, errno: 0, code: ILL.ILL_ILLOPN, addr };
    case VECTOR.SS:
      return { signo: SIG.SIGBUS, errno: 0, code: SI.SI_KERNEL };
    case VECTOR.AC:
      return { signo: SIG.SIGBUS, errno: 0, code: BUS.BUS_ADRALN, addr: 0 };
    case VECTOR.MF: {
      const control = dv.getUint16(CPU + OFF.fcw, true);
      const status = dv.getUint16(CPU + OFF.fsw, true);
      return { signo: SIG.SIGFPE, errno: 0, code: fpeCode(status & ~control), addr };
    }
    case VECTOR.XM: {
      const mxcsr = dv.getUint32(CPU + OFF.mxcsr, true);
      return { signo: SIG.SIGFPE, errno: 0, code: fpeCode(~(mxcsr >> 7) & mxcsr), addr };
    }
    default:
      // OF, BR, NM, GP: the program did what only the kernel may.
      return { signo: SIG.SIGSEGV, errno: 0, code: SI.SI_KERNEL, addr: 0 };
  }
};
