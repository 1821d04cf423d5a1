# Hello by number from Python: ctypes calls libc's syscall(2).
#
#   kanmon run python3 hello-ctypes.py
import ctypes

SYS_write = 1
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall(SYS_write, 1, b"Hello\n", 6)
