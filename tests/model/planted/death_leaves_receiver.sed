# The death of a peer does not wake who receives from just it.
# File: kernel/core/ipc.c
# Scene: stop
s/endpoint_eq(q->filter, gone)/false/
