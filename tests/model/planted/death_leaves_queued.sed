# The death of a server does not wake who was queued for it.
# File: kernel/core/ipc.c
# Scene: stop
s/if (c->kind != CALL_CONTRACT)/if (true)/
