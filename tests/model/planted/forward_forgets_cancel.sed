# A cancelled call that is forwarded to a busy server is not withdrawn.
# File: kernel/core/ipc.c
# Scene: stop
/if (c->flags & PROC_CANCELLED)/,+1d
