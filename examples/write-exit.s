# write and exit, with nothing between the program and the door: the numbers go into the registers by hand.
#
#   gcc -nostdlib -static -o write-exit write-exit.s && kanmon run ./write-exit

        .globl  _start
        .text
_start:
        mov     $1, %eax                # write is number 1
        mov     $1, %edi                # to descriptor 1, standard output,
        lea     message(%rip), %rsi     # from this address,
        mov     $6, %edx                # six bytes
        syscall                         # through the door

        mov     $60, %eax               # exit is number 60
        xor     %edi, %edi              # with status 0
        syscall                         # and not back

        .section .rodata
message:
        .ascii  "Hello\n"
