// Selectors and system registers as a program sees them: what LAR, LSL, VERR and VERW tell, which selectors can be
// loaded and read back, and what SGDT, SIDT, SLDT, STR and SMSW store.
#include <stdio.h>
#include <setjmp.h>
#include <signal.h>
static sigjmp_buf b; static void on(int s){siglongjmp(b,1);}
int main(){ struct sigaction sa={0}; sa.sa_handler=on; sa.sa_flags=SA_NODEFER; sigaction(SIGSEGV,&sa,0); sigaction(SIGBUS,&sa,0);
 for(unsigned s=0;s<65536;s++){ unsigned lar=0xdead,lsl=0xdead; unsigned char zl,zs,zr,zw; 
  asm("lar %2,%0; setz %1":"+r"(lar),"=r"(zl):"r"(s):"cc"); asm("lsl %2,%0; setz %1":"+r"(lsl),"=r"(zs):"r"(s):"cc"); asm("verr %w1; setz %0":"=r"(zr):"r"(s):"cc"); asm("verw %w1; setz %0":"=r"(zw):"r"(s):"cc");
  int ds=0,ss=0,gs=0; if(!sigsetjmp(b,0)){ asm volatile("mov %0,%%ds; mov %1,%%ds"::"r"(s),"r"(0)); ds=1;} 
  if(!sigsetjmp(b,0)){ asm volatile("mov %0,%%ss; mov %1,%%ss"::"r"(s),"r"(0x2b)); ss=1;} 
  if(zl|zs|zr|zw|ds|ss) printf("%x lar %d %x lsl %d %x r %d w %d ds %d ss %d\n",s,zl,lar,zs,(s|3)==0x7b?0:lsl,zr,zw,ds,ss); }
 unsigned short v; asm volatile("mov %1,%%ds; mov %%ds,%0; mov %2,%%ds":"=r"(v):"r"(0x2b),"r"(0)); printf("ds back %x\n",v);
 asm volatile("mov %1,%%es; mov %%es,%0; mov %2,%%es":"=r"(v):"r"(0x2b),"r"(3)); printf("es back %x\n",v); asm volatile("mov %%es,%0":"=r"(v)); printf("es now %x\n",v);
 { unsigned char g[10]={0}; asm volatile("sgdt %0":"=m"(g)); for(int i=0;i<10;i++)printf("%02x ",g[i]); asm volatile("sidt %0":"=m"(g)); for(int i=0;i<10;i++)printf("%02x ",g[i]); unsigned long m=~0ul; asm volatile("smsw %0":"=r"(m)); printf("smsw %lx ",m); m=~0ul; asm volatile("smsw %k0":"+r"(m)); printf("%lx ",m); m=~0ul; asm volatile("smsw %w0":"+r"(m)); printf("%lx ",m); m=~0ul; asm volatile("smsw %0":"+m"(m)); printf("mem %lx ",m); m=~0ul; asm volatile("sldt %0":"+r"(m)); printf("sldt %lx ",m);m=~0ul; asm volatile("sldt %w0":"+r"(m)); printf("%lx ",m); m=~0ul; asm volatile("str %0":"+r"(m)); printf("str %lx\n",m);m=~0ul; asm volatile("str %w0":"+r"(m)); printf("str %lx\n",m); }
}
