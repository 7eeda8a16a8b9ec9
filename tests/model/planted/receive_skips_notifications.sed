# A receive does not look for pending notifications.
# File: kernel/core/ipc.c
# Scene: stop
s/if (pending(p->priv) \&\& admits(p, ENDPOINT_KERNEL))/if (false)/
