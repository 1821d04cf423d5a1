# Hello through Python's os module, which calls libc's write, which makes the call.
#
#   kanmon run python3 hello.py
import os

os.write(1, b"Hello\n")
